"""Fits the kernel for softmax over the last axis."""

from sparse_mcu.costmodel.graph.operators import Softmax
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import elements, loop
from sparse_mcu.simulation.firmware.source import Constant


def softmax(site: Site) -> Implementation | None:
    """Looks exponentials up in a table, and needs one division per element."""
    operator = site.operator
    if not isinstance(operator, Softmax):
        return None
    length = site.output.shape[-1]
    rows = range(0, site.output.size_bytes, length)
    access = loop(elements(length), rows, rows)
    return Implementation("softmax", site, (access,), (Constant("exponentials", operator.exp_table, "constants"),))
