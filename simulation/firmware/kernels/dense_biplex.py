"""Fully connected layer on cores with DSP: two channels in a word of weights."""

import numpy as np

from costmodel.graph.operators import Dense
from costmodel.memory.access import AccessPattern
from simulation.firmware.kernels.accumulation import accumulation_of
from simulation.firmware.kernels.kernel import Implementation, Site
from simulation.firmware.kernels.order import loop
from simulation.firmware.kernels.packing import biplex_words, block_channels, largest_divisor, widened_runs
from simulation.firmware.source import Constant

_BLOCK = 4
_LONGEST_BODY = 8  # steps of four taps: 144 instructions


def dense_biplex(site: Site) -> Implementation | None:
    """A matrix product with at least four features each way; `templates/blocks.h.j2` says why its words are exact."""
    operator = site.operator
    if not isinstance(operator, Dense) or not site.core.has_dsp or min(operator.weights.shape) < _BLOCK:
        return None
    outputs, features = operator.weights.shape
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    chosen = block_channels(outputs, _BLOCK)
    whole = np.pad(operator.weights, ((0, 0), (0, -features % _BLOCK)))
    words = biplex_words(widened_runs(whole[:, np.newaxis], _BLOCK)[chosen])
    if words is None or sums.zero_point != 0:
        return None
    block_by_block = AccessPattern(np.zeros(len(chosen), np.int64), chosen[:, -1] + 1)
    rows = np.arange(site.inputs[0].size_bytes // features)
    blocks = np.concatenate([sums.bias[chosen], sums.multipliers[chosen]], axis=1)
    return Implementation(
        "dense_biplex",
        site,
        (loop(block_by_block, rows * features, rows * outputs),),
        (Constant("weights", words, "weights"), Constant("blocks", blocks, "constants")),
        {
            "features": features,
            "times": largest_divisor(features // _BLOCK, _LONGEST_BODY),
            "blocks": len(chosen),
            "overlap": outputs % _BLOCK,
        },
    )
