"""Fits the dense layer for cores with DSP and for ARMv6-M: two channels in each half of a word of weights."""

import numpy as np

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.operators import Dense
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop
from sparse_mcu.simulation.firmware.kernels.packing import (
    biplex_words,
    block_channels,
    dense_blocks,
    largest_divisor,
    widened_runs,
)
from sparse_mcu.simulation.firmware.kernels.work import matrix_work
from sparse_mcu.simulation.firmware.source import Constant

_BLOCK = 4
_NARROW_BLOCK = 2
_FOUR = 4  # taps of a step
_LONGEST_BODY = {True: 8, False: 2}  # steps, with DSP and without; a conditional branch of ARMv6-M reaches 256 bytes
_LARGE = 4096  # a layer with so many weights deserves a long body


def dense_biplex(site: Site) -> Implementation | None:
    """Takes a dense layer of at least four inputs and at least two outputs, where the core has a block for them.

    `templates/blocks.h.j2` says why its words are exact. ARMv6-M loads words from aligned addresses only. A tensor
    begins at such an address. All of its rows do if they are whole words.
    """
    operator = site.operator
    if not isinstance(operator, Dense):
        return None
    outputs, features = operator.weights.shape
    rows = np.arange(site.inputs[0].size_bytes // features)
    width = _block(outputs, site.core)
    if width is None or features < _FOUR or (not site.core.has_dsp and rows.size > 1 and features % _FOUR):
        return None
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    chosen = block_channels(outputs, width)
    whole = np.pad(operator.weights, ((0, 0), (0, -features % _FOUR)))
    words = biplex_words(widened_runs(whole[:, np.newaxis], _FOUR)[chosen])
    if words is None or sums.zero_point != 0:
        return None
    times = largest_divisor(features // _FOUR, _longest_body(operator.weights.size, site.core))
    block_by_block = AccessPattern(np.zeros(len(chosen), np.int64), chosen[:, -1] + 1)
    return Implementation(
        "dense_biplex",
        site,
        (loop(block_by_block, rows * features, rows * outputs),),
        (Constant("weights", words, "weights"), Constant("blocks", dense_blocks(sums, chosen), "constants")),
        {
            "features": features,
            "width": width,
            "times": times,
            "blocks": len(chosen),
            "multiplier": sums.common_multiplier,
            "overlap": outputs % width,
        },
        work=matrix_work(operator, site.output, times),
    )


def _block(outputs: int, core: Core) -> int | None:
    """Returns the channels of a block; None if the core has no block for so few channels, or no block at all."""
    if outputs >= _BLOCK:
        return _BLOCK if core.has_dsp or not core.has_it_blocks else None
    return _NARROW_BLOCK if core.has_dsp and outputs == _NARROW_BLOCK else None


def _longest_body(weights: int, core: Core) -> int:
    return _LONGEST_BODY[core.has_dsp] if weights >= _LARGE else _NARROW_BLOCK
