"""Fits the kernel for max pooling of four channels at a time."""

from math import prod

import numpy as np

from sparse_mcu.costmodel.graph.operators import MaxPool2d
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.lanes import lanes_of
from sparse_mcu.simulation.firmware.kernels.order import slide
from sparse_mcu.simulation.firmware.kernels.work import pool_work

_MOST_STEPS = {True: 9, False: 4}  # taps without a loop, with DSP and without
_ONES = 0x01010101


def max_pool2d_lanes(site: Site) -> Implementation | None:
    """Pools four channels at a time, and compares them as one word.

    Where comparing words takes many instructions, it declines windows of few taps: comparing byte by byte is as fast
    there, and smaller.
    """
    operator, core, blocking = site.operator, site.core, lanes_of(site)
    if not isinstance(operator, MaxPool2d) or blocking is None:
        return None
    window, channels = operator.window, site.output.shape[-1]
    unrolled = not any(window.padding) and prod(window.kernel) <= _MOST_STEPS[core.has_dsp]
    if unrolled and not core.has_it_blocks:
        return None
    access = slide(window, site, blocking.access(channels, channels, 1))
    details = {
        "blocking": blocking,
        "lowest": operator.clamp.low % 256 * _ONES,
        "highest": operator.clamp.high % 256 * _ONES if operator.clamp.high < np.iinfo(np.int8).max else None,
        "unrolled": unrolled,
    }
    return Implementation(
        "max_pool2d_lanes",
        site,
        (access,),
        details=details,
        takes_pitch=True,
        reads_pitch=max_pool2d_lanes,
        work=pool_work(operator, site.output),
    )
