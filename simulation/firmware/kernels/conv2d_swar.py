"""Fits the convolution for cores without DSP: two pixels lie in one word, and one multiplication serves both."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.operators import Conv2d
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import block_channels, largest_divisor, pixels_in_pairs
from sparse_mcu.simulation.firmware.kernels.work import matrix_work
from sparse_mcu.simulation.firmware.source import Constant

_BLOCK = 2
_LONGEST_BODY = {True: 8, False: 5}  # pairs of taps; on ARMv6-M a conditional branch reaches 256 bytes
_PAIR_LIMIT = 255  # the largest |w| + |w'|, because 128 * 255 < 2^15


def conv2d_swar(site: Site) -> Implementation | None:
    """Takes a convolution of one group, not dilated along rows, with at least two output channels.

    No two taps of a pair may both weigh -128. `templates/blocks.h.j2` says why the sums are then exact.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d) or site.core.has_dsp or operator.groups != 1:
        return None
    window, channels = operator.window, operator.bias.size
    if (window.dilations[1] != 1 and window.kernel[1] != 1) or channels < _BLOCK:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    taps = operator.weights.reshape(channels, -1)
    even = np.pad(taps, ((0, 0), (0, taps.shape[1] % 2)))
    pairs = even.shape[1] // 2
    times = largest_divisor(pairs, _LONGEST_BODY[site.core.has_it_blocks])
    sizes = np.abs(even.astype(np.int64)).reshape(channels, pairs, 2)
    if sums.zero_point != 0 or sizes.sum(axis=2).max() > _PAIR_LIMIT:
        return None
    chosen = block_channels(channels, _BLOCK)
    blocks = np.concatenate([sums.bias[chosen], sums.multipliers[chosen]], axis=1)
    row = window.kernel[1] * site.inputs[0].shape[-1] if any(window.padding) else 0
    return Implementation(
        "conv2d_swar",
        site,
        (pixels_in_pairs(window, site),),
        (Constant("weights", interleaved(even[chosen]), "weights"), Constant("blocks", blocks, "constants")),
        {
            "pairs": pairs,
            "times": times,
            "odd_taps": taps.shape[1] % 2,
            "blocks": len(chosen),
            "overlap": channels % _BLOCK,
        },
        2 * 4 * pairs + -(-row // 4) * 4,
        takes_pitch=True,
        reads_pitch=conv2d_swar,
        work=matrix_work(operator, site.output, times, together=2),
    )


def interleaved(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Reorders weights [blocks, 2 channels, taps] to [blocks, pairs of taps, tap of the pair, channel]."""
    blocks, channels, taps = weights.shape
    return np.ascontiguousarray(weights.reshape(blocks, channels, taps // 2, 2).transpose(0, 2, 3, 1))
