"""Max pooling of four channels at a time."""

from math import prod

import numpy as np

from costmodel.graph.operators import MaxPool2d
from costmodel.memory.access import AccessPattern
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import slide

_LANES = 4
_MOST_STEPS = {True: 9, False: 4}  # taps without a loop, with DSP and without
_ONES = 0x01010101


def max_pool2d_lanes(site: Site) -> Implementation | None:
    """Max pooling of channels by fours: they are compared as one word; all words of a tensor are aligned.

    Where a comparison of words takes many instructions, byte by byte is as fast for a few taps, and smaller.
    """
    operator, core = site.operator, site.core
    if not isinstance(operator, MaxPool2d) or site.output.shape[-1] % _LANES:
        return None
    window = operator.window
    unrolled = not any(window.padding) and prod(window.kernel) <= _MOST_STEPS[core.has_dsp]
    if unrolled and not core.has_it_blocks:
        return None
    first = np.arange(0, site.output.shape[-1], _LANES, dtype=np.int64)
    access = slide(window, site, AccessPattern(first, first + _LANES))
    details = {
        "lowest": operator.clamp.low % 256 * _ONES,
        "highest": operator.clamp.high % 256 * _ONES if operator.clamp.high < np.iinfo(np.int8).max else None,
        "unrolled": unrolled,
    }
    return Implementation("max_pool2d_lanes", site, (access,), details=details, takes_pitch=True)
