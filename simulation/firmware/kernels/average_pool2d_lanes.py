"""Average pooling of four channels at a time: two 16-bit sums in each of two words."""

from math import prod

import numpy as np

from costmodel.graph.operators import AveragePool2d
from costmodel.memory.access import AccessPattern
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import slide

_LANES = 4
_FEWEST_TAPS = {True: 1, False: 5}  # with Thumb-2 and without: there the lanes cost more to take apart
_MOST_TAPS = {True: 256, False: 257}  # of -128 each, or of 255: the sum fits 16 bits


def average_pool2d_lanes(site: Site) -> Implementation | None:
    """Average pooling without padding, of channels by fours; one multiplier for all channels.

    With DSP, sums are of int16. Without, a value plus 128 is an unsigned byte, so that sums of up to 257 never carry
    into their neighbour's half. All words of a tensor are aligned.
    """
    operator = site.operator
    if not isinstance(operator, AveragePool2d) or operator.rescale.multiplier.size != 1:
        return None
    window, channels = operator.window, site.output.shape[-1]
    taps = prod(window.kernel)
    if channels % _LANES or any(window.padding) or window.dilations != (1, 1):
        return None
    if not _FEWEST_TAPS[site.core.has_it_blocks] <= taps <= _MOST_TAPS[site.core.has_dsp]:
        return None
    first = np.arange(0, channels, _LANES, dtype=np.int64)
    access = slide(window, site, AccessPattern(first, first + _LANES))
    offset = -taps * (site.inputs[0].quantization.zero_point + (0 if site.core.has_dsp else 128))
    return Implementation("average_pool2d_lanes", site, (access,), details={"offset": offset}, takes_pitch=True)
