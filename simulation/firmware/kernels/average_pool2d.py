"""Fits the plain kernel for average pooling, global pooling included."""

from sparse_mcu.costmodel.graph.operators import AveragePool2d
from sparse_mcu.simulation.firmware.kernels.accumulation import ONE_CHANNEL
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import pool_work


def average_pool2d(site: Site) -> Implementation | None:
    """Adds up each channel in the window and rescales the sum, with one multiplier for all channels."""
    operator = site.operator
    if not isinstance(operator, AveragePool2d) or operator.rescale.multiplier.size != 1:
        return None
    channels = site.output.shape[-1]
    access = slide(operator.window, site, ONE_CHANNEL.access(channels, channels, 1))
    work = pool_work(operator, site.output)
    return Implementation("average_pool2d", site, (access,), takes_pitch=True, reads_pitch=average_pool2d, work=work)
