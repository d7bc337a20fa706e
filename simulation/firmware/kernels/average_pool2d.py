"""Average pooling, global pooling included."""

from costmodel.graph.operators import AveragePool2d
from simulation.firmware.kernels.kernel import Implementation, Site


def average_pool2d(site: Site) -> Implementation | None:
    """The rescaled sum of each channel in the window; one multiplier for all channels."""
    operator = site.operator
    if not isinstance(operator, AveragePool2d) or operator.rescale.multiplier.size != 1:
        return None
    return Implementation("average_pool2d", site)
