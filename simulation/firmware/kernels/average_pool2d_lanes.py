"""Fits the kernel for average pooling that adds four channels at a time, in two words of two 16-bit sums."""

from math import prod

from sparse_mcu.costmodel.graph.operators import AveragePool2d
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.lanes import lanes_of
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import pool_work

_FEWEST_TAPS = {True: 1, False: 5}  # with Thumb-2, and without it, where lanes cost more to split
_MOST_TAPS = {True: 256, False: 257}  # 256 values of -128 fit int16, 257 values of 255 fit uint16


def average_pool2d_lanes(site: Site) -> Implementation | None:
    """Pools windows without padding, four channels at a time.

    With DSP, the sums are int16. Without it, each value gets 128 added and is then an unsigned byte. Up to 257 of those
    never carry into the neighbour's half.
    """
    operator, blocking = site.operator, lanes_of(site)
    if not isinstance(operator, AveragePool2d) or blocking is None or operator.rescale.multiplier.size != 1:
        return None
    window, channels = operator.window, site.output.shape[-1]
    taps = prod(window.kernel)
    if any(window.padding) or window.dilations != (1, 1):
        return None
    if not _FEWEST_TAPS[site.core.has_it_blocks] <= taps <= _MOST_TAPS[site.core.has_dsp]:
        return None
    access = slide(window, site, blocking.access(channels, channels, 1))
    offset = -taps * (site.inputs[0].quantization.zero_point + (0 if site.core.has_dsp else 128))
    return Implementation(
        "average_pool2d_lanes",
        site,
        (access,),
        details={"offset": offset, "blocking": blocking},
        takes_pitch=True,
        reads_pitch=average_pool2d_lanes,
        work=pool_work(operator, site.output),
    )
