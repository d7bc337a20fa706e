"""Addition of two tensors of different scales."""

from costmodel.graph.operators import Add
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import elements


def add(site: Site) -> Implementation | None:
    """Element by element; the zero points and the rounding are one constant."""
    operator = site.operator
    if not isinstance(operator, Add):
        return None
    zero_points = [tensor.quantization.zero_point for tensor in site.inputs]
    offset = -sum(zero * factor for zero, factor in zip(zero_points, operator.multipliers, strict=True))
    access = elements(site.output.size_bytes)
    return Implementation("add", site, (access, access), details={"offset": offset + (1 << operator.shift >> 1)})
