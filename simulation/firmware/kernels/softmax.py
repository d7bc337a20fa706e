"""Softmax over the last axis."""

from costmodel.graph.operators import Softmax
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.source import Constant


def softmax(site: Site) -> Implementation | None:
    """By table of exponentials, and one division per element."""
    operator = site.operator
    if not isinstance(operator, Softmax):
        return None
    return Implementation("softmax", site, (Constant("exponentials", operator.exp_table, "constants"),))
