"""Fits the plain kernel for max pooling."""

from sparse_mcu.costmodel.graph.operators import MaxPool2d
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import pool_work


def max_pool2d(site: Site) -> Implementation | None:
    """Takes the largest value of each channel in the window. Padding never wins."""
    operator = site.operator
    if not isinstance(operator, MaxPool2d):
        return None
    channels = site.output.shape[-1]
    access = slide(operator.window, site, ONE_CHANNEL.access(channels, channels, 1))
    work = pool_work(operator, site.output)
    return Implementation("max_pool2d", site, (access,), takes_pitch=True, reads_pitch=max_pool2d, work=work)
