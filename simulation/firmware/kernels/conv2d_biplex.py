"""Fits the convolution for cores with DSP: two pixels at a time, two channels in each half of a word of weights."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Conv2d, Window
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.packing import (
    biplex_words,
    block_channels,
    largest_divisor,
    pixels_in_pairs,
    widened_runs,
)
from sparse_mcu.simulation.firmware.kernels.work import matrix_work
from sparse_mcu.simulation.firmware.source import Constant

_BLOCK = 4
_LONGEST_BODY = 12  # pairs of taps: 168 instructions
_LARGEST_OFFSET = 4095  # of LDR, from the taps of one pixel to those of the other


def conv2d_biplex(site: Site) -> Implementation | None:
    """Takes a convolution of one group, not dilated along rows, with at least four output channels.

    It widens the taps of two pixels to int16 in working memory. All channels then use them. Padding is gathered as the
    input's zero point. `templates/blocks.h.j2` says why the words of weights are exact.
    """
    operator = site.operator
    if not isinstance(operator, Conv2d) or not site.core.has_dsp or operator.groups != 1:
        return None
    window, channels = operator.window, operator.bias.size
    if (window.dilations[1] != 1 and window.kernel[1] != 1) or channels < _BLOCK:
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    runs = operator.weights.reshape(channels, window.kernel[0], -1)
    chosen = block_channels(channels, _BLOCK)
    words = biplex_words(widened_runs(runs, 2)[chosen])
    if words is None or sums.zero_point != 0 or 4 * words.shape[1] > _LARGEST_OFFSET:
        return None
    pairs = words.shape[1]
    times = largest_divisor(pairs, _LONGEST_BODY)
    side_by_side = window == Window(kernel=(1, 1), dilations=window.dilations) and runs.shape[2] % 4 == 0
    row = 0 if not any(window.padding) else -(-runs.shape[2] // 4) * 4
    blocks = np.concatenate([sums.bias[chosen], sums.multipliers[chosen]], axis=1)
    return Implementation(
        "conv2d_biplex",
        site,
        (pixels_in_pairs(window, site),),
        (Constant("weights", words, "weights"), Constant("blocks", blocks, "constants")),
        {
            "pairs": pairs,
            "times": times,
            "rest": runs.shape[2] % 4,
            "side_by_side": side_by_side,
            "blocks": len(chosen),
            "overlap": channels % _BLOCK,
        },
        2 * 4 * pairs + row,
        takes_pitch=True,
        reads_pitch=conv2d_biplex if window.kernel[1] == 1 or site.inputs[0].shape[-1] % 4 == 0 else None,
        work=matrix_work(operator, site.output, times, together=2),
    )
