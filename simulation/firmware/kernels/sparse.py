"""Stores only the weights that are not zero, each with the distance from the one before.

Every output channel is a run of entries. An entry is a gap and a weight. The gap tells how far the input of this weight
lies behind the input of the entry before; for the first entry, behind the window's start. Entries of weight 0 bridge
gaps that are too wide for their bits. A run with an odd number of entries gets one more of weight 0. So the code
needs no special cases, and takes two entries at a time.

Source of the coding: Han, Mao, Dally, Deep Compression, ICLR 2016 (arXiv 1510.00149), section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.memory.model.access import NOTHING, AccessPattern
from sparse_mcu.simulation.firmware.source import Constant

Integers = npt.NDArray[np.int64]

_WORTH_NARROW = 0.9
_FEWEST_BYTES_PER_ENTRY = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """Holds a weight matrix without its zeros, as the code reads it.

    Attributes:
        gap_bits: Bits of a gap, 8 or 4. `_words` and `_bytes` describe the array of entries for each.
        entries: Entries of all channels together.
        constants: The arrays in flash; the indices count as weights. "pairs" holds the number of pairs of entries of
            each channel.
        first: int64 [channels], the lowest place whose input the channel uses; NOTHING for a channel of zeros.
    """

    gap_bits: int
    entries: int
    constants: tuple[Constant, ...]
    first: Integers

    @property
    def size_bytes(self) -> int:
        """Bytes in flash, without alignment padding."""
        return sum(constant.size_bytes for constant in self.constants)

    @property
    def access(self) -> AccessPattern:
        """The order of access of one output pixel: each channel reads its inputs and is then written."""
        return AccessPattern(self.first, np.arange(1, self.first.size + 1))


def sparse_of(weights: npt.NDArray[np.int8], places: Integers, dense_bytes: int) -> Sparse | None:
    """Chooses a coding: wide gaps, which are faster, unless narrow gaps save more than a tenth of the bytes.

    Args:
        weights: [channels, taps].
        places: Ascending int64 [taps]: how far each tap's input lies behind the window's start.
        dense_bytes: The size of all weights without coding.

    Returns:
        The coding; None if it would not be smaller than all weights, or if all weights are zero.
    """
    stored = np.count_nonzero(weights)
    if not 0 < stored * _FEWEST_BYTES_PER_ENTRY < dense_bytes:
        return None
    wide, narrow = (_coded(weights, places, bits) for bits in _CODES)
    best = narrow if narrow.size_bytes < _WORTH_NARROW * wide.size_bytes else wide
    return best if best.size_bytes < dense_bytes else None


def _coded(weights: npt.NDArray[np.int8], places: Integers, gap_bits: int) -> Sparse:
    runs = [_run(row, places, 2**gap_bits - 1) for row in weights]
    gaps, values = (np.concatenate(column) for column in zip(*runs, strict=True))
    pairs = np.array([run[0].size // 2 for run in runs])
    counts = Constant("pairs", pairs.astype(np.min_scalar_type(int(pairs.max()))), "weights")
    nonzero = weights != 0
    first = np.where(nonzero.any(axis=1), places[nonzero.argmax(axis=1)], NOTHING)
    entries = Constant("entries", _CODES[gap_bits](gaps, values), "weights")
    return Sparse(gap_bits, gaps.size, (entries, counts), first)


def _run(row: npt.NDArray[np.int8], places: Integers, widest: int) -> tuple[Integers, Integers]:
    """Returns the gaps and the weights of one channel's entries. Their number is even."""
    taps = np.flatnonzero(row)
    ways = np.diff(places[taps], prepend=0)
    needed = np.maximum(-(-ways // widest), 1)
    ends = np.cumsum(needed) - 1
    count = int(needed.sum())
    gaps, values = np.zeros((2, count + count % 2), np.int64)
    gaps[:count] = widest
    gaps[ends] = ways - (needed - 1) * widest
    values[ends] = row[taps]
    return gaps, values


def _words(gaps: Integers, values: Integers) -> npt.NDArray[np.unsignedinteger]:
    """Packs two entries into a word: both gaps, then both weights, from the lowest byte on."""
    octets = np.stack([gaps[::2], gaps[1::2], values[::2], values[1::2]], axis=1).astype(np.uint8)
    return octets.view("<u4").ravel().astype(np.uint32)


def _bytes(gaps: Integers, values: Integers) -> npt.NDArray[np.unsignedinteger]:
    """Packs two entries into three bytes: both gaps (the first one in the low half), then both weights."""
    return np.stack([gaps[::2] | gaps[1::2] << 4, values[::2], values[1::2]], axis=1).astype(np.uint8).ravel()


_CODES: dict[int, Callable[[Integers, Integers], npt.NDArray[np.unsignedinteger]]] = {8: _words, 4: _bytes}
