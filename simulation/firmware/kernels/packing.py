"""Arranges weights for the fast kernels, and tells in which order these kernels read and write."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.operators import Window
from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.kernels.accumulation import Accumulation
from sparse_mcu.simulation.firmware.kernels.kernel import Site
from sparse_mcu.simulation.firmware.kernels.order import Addresses, first_inside

Int8Array = npt.NDArray[np.int8]
WIDENED = (0, 2, 1, 3)
"""The order in which SXTB16 and SXTB16 ROR #8 split the bytes of a word."""

_BIPLEX_LIMIT = 2**16
_HALF_MIN, _HALF_MAX = -(2**15), 2**15 - 1


def block_channels(channels: int, width: int) -> npt.NDArray[np.int64]:
    """Returns the channels of each block: int64 [blocks, width].

    If the width does not divide the channels, the second block starts early. Some channels are then computed twice,
    and the code needs no second piece for a narrower block. For example, 10 channels in blocks of 4 give the blocks
    0-3, 2-5 and 6-9.

    Args:
        channels: At least `width`.
        width: Channels of a block.
    """
    starts = np.arange(-(-channels // width)) * width
    starts[1:] -= -channels % width
    return starts[:, np.newaxis] + np.arange(width)


def dense_blocks(sums: Accumulation, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Returns the biases of each block, then its multipliers if they differ: int32 [blocks, width or 2 * width]."""
    if sums.common_multiplier is not None:
        return sums.bias[chosen]
    return np.concatenate([sums.bias[chosen], sums.multipliers[chosen]], axis=1)


def largest_divisor(number: int, limit: int) -> int:
    """Returns how often a loop body repeats its block: the largest divisor of `number` up to `limit`."""
    return next(divisor for divisor in range(min(limit, number), 0, -1) if number % divisor == 0)


def widened_runs(weights: Int8Array, multiple: int) -> Int8Array:
    """Reorders weights [channels, runs, taps of a run] to the order in which inputs are widened: [channels, taps].

    The whole groups of four of all runs come first, each in the order of `WIDENED`. Then comes what is left over of all
    runs. Zeros at the end make the length a multiple of `multiple`.
    """
    channels, runs, length = weights.shape
    fours = length // 4 * 4
    whole = weights[:, :, :fours].reshape(channels, runs * fours // 4, 4)[..., WIDENED]
    rest = weights[:, :, fours:]
    taps = np.concatenate([whole.reshape(channels, -1), rest.reshape(channels, -1)], axis=1)
    return np.pad(taps, ((0, 0), (0, -taps.shape[1] % multiple)))


def biplex_words(weights: Int8Array) -> npt.NDArray[np.uint32] | None:
    """Packs two channels into each half of a word; returns None where that is not exact.

    Each half of a word is 256 * b + a, for the weights a and b of two neighbouring channels. It is exact if each half
    fits int16, and if 256 * dot(b) fits 32 bits for any int8 input.

    Args:
        weights: [blocks, channels of a block, taps]. The last two are even.

    Returns:
        uint32 [blocks, pairs of taps, channels of a block / 2].
    """
    wide = weights.astype(np.int64)
    low, high = wide[:, 0::2], wide[:, 1::2]
    halves = 256 * high + low
    if halves.min() < _HALF_MIN or halves.max() > _HALF_MAX or np.abs(high).sum(axis=2).max() >= _BIPLEX_LIMIT:
        return None
    words = (halves[..., 0::2] & 0xFFFF) | (halves[..., 1::2] & 0xFFFF) << 16
    return np.ascontiguousarray(words.transpose(0, 2, 1)).astype(np.uint32)


def pixels_in_pairs(window: Window, site: Site) -> AccessPattern:
    """Returns the order of a kernel that computes two output pixels at a time, also across the ends of rows.

    Both windows are read, then both pixels are written.
    """
    _, height, width, _ = site.inputs[0].shape
    _, out_height, out_width, out_channels = site.output.shape
    rows = first_inside(window, 0, out_height, height) * width * site.from_pitches[0]
    columns = first_inside(window, 1, out_width, width) * site.from_pitches[0]
    return in_groups(np.add.outer(rows, columns).ravel(), out_channels, 2, site.pitch)


def in_groups(lowest: Addresses, out_bytes: int, group: int, pitch: int) -> AccessPattern:
    """Returns the order of a kernel that computes `group` outputs at a time.

    Args:
        lowest: The lowest byte that each output reads.
        out_bytes: Bytes of an output.
        group: Outputs of a group.
        pitch: Bytes from one output to the next.
    """
    padded = np.pad(lowest, (0, -lowest.size % group), constant_values=NOTHING)
    reads = np.minimum(padded.reshape(-1, group).min(axis=1), NOTHING)
    last = np.minimum((np.arange(reads.size) + 1) * group, lowest.size) - 1
    return AccessPattern(reads, last * pitch + out_bytes)
