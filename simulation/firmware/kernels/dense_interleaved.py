"""Fits the dense layer for ARMv7-M: the weights of four channels lie tap by tap, so all loads are neighbours."""

import numpy as np

from sparse_mcu.costmodel.graph.operators import Dense
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.kernels.accumulation import accumulation_of
from sparse_mcu.simulation.firmware.kernels.kernel import Implementation, Site
from sparse_mcu.simulation.firmware.kernels.order import loop
from sparse_mcu.simulation.firmware.kernels.packing import block_channels, dense_blocks, largest_divisor
from sparse_mcu.simulation.firmware.kernels.work import matrix_work
from sparse_mcu.simulation.firmware.source import Constant

_BLOCK = 4
_LONGEST_BODY = {True: 8, False: 4}  # taps
_LARGE = 4096  # a layer with so many weights deserves a long body


def dense_interleaved(site: Site) -> Implementation | None:
    """Takes a dense layer of at least four outputs, on cores with Thumb-2 but no DSP."""
    operator, core = site.operator, site.core
    if not isinstance(operator, Dense) or core.has_dsp or not core.has_it_blocks:
        return None
    outputs, features = operator.weights.shape
    sums = accumulation_of(operator, site.inputs[0].quantization.zero_point, every_tap_counts=True)
    if outputs < _BLOCK or sums.zero_point != 0:
        return None
    chosen = block_channels(outputs, _BLOCK)
    weights = np.ascontiguousarray(operator.weights[chosen].transpose(0, 2, 1))
    times = largest_divisor(features, _LONGEST_BODY[operator.weights.size >= _LARGE])
    block_by_block = AccessPattern(np.zeros(len(chosen), np.int64), chosen[:, -1] + 1)
    rows = np.arange(site.inputs[0].size_bytes // features)
    return Implementation(
        "dense_interleaved",
        site,
        (loop(block_by_block, rows * features, rows * outputs),),
        (Constant("weights", weights, "weights"), Constant("blocks", dense_blocks(sums, chosen), "constants")),
        {
            "features": features,
            "times": times,
            "blocks": len(chosen),
            "multiplier": sums.common_multiplier,
            "overlap": outputs % _BLOCK,
        },
        work=matrix_work(operator, site.output, times),
    )
