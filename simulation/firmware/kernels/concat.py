"""Concatenation."""

from math import prod

from costmodel.graph.operators import Concat
from simulation.firmware.kernels.kernel import Implementation, Site


def concat(site: Site) -> Implementation | None:
    """One contiguous stretch of every input in turn, as often as the axes before the joined one say."""
    operator = site.operator
    if not isinstance(operator, Concat):
        return None
    axis = operator.axis % len(site.output.shape)
    return Implementation(
        "concat",
        site,
        details={
            "repeats": prod(site.output.shape[:axis]),
            "stretches": tuple(prod(tensor.shape[axis:]) for tensor in site.inputs),
        },
    )
