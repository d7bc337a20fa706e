"""Max pooling."""

from costmodel.graph.operators import MaxPool2d
from simulation.firmware.kernels.kernel import Implementation, Site


def max_pool2d(site: Site) -> Implementation | None:
    """The largest value of each channel in the window; padding never wins."""
    return Implementation("max_pool2d", site) if isinstance(site.operator, MaxPool2d) else None
