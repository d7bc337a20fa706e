"""Unstructured sparsity: only the weights that are not zero, and the way from each to the next.

Every output channel is a run of entries. An entry is a gap (how far its input lies past the one before,
from the window's start for the first) and a weight. A gap that is too wide for its bits is bridged by
entries of weight 0, and an odd run gets one more, so that the code needs no case for either and takes
two entries at a time. Source of the coding: Han, Mao, Dally, Deep Compression, ICLR 2016 (arXiv 1510.00149), section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.devices.types import Core
from costmodel.memory.access import AccessPattern
from simulation.firmware.kernels.order import NOTHING
from simulation.firmware.source import Constant

Integers = npt.NDArray[np.int64]

_WORTH_NARROW = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """A weight matrix without its zeros, as the code reads it.

    Attributes:
        gap_bits: 8 or 4; how wide; see `_words` and `_bytes` for the array of entries.
        entries: Entries of all channels together.
        constants: The arrays in flash; the indices are part of what the weights take. "pairs" counts each channel's
            entries by twos.
        first: int64 [channels], the lowest place whose input counts; NOTHING for a channel of zeros.
    """

    gap_bits: int
    entries: int
    constants: tuple[Constant, ...]
    first: Integers

    @property
    def size_bytes(self) -> int:
        """Bytes in flash, without alignment padding."""
        return sum(constant.size_bytes for constant in self.constants)

    def pays(self, weights: int, core: Core) -> bool:
        """Whether flash times cycles is less than with all of the layer's `weights` in the fastest dense kernel.

        An entry takes as long as some weights do there. Measured at zero wait states with arm-none-eabi-gcc 12.2 on
        dense 256 -> 64 and conv 3x3 16 -> 16 of 16x16, cycles per entry to cycles per weight: M0+ 13.4 to 4.3,
        M3 11.0 to 3.0, M4 10.0 to 1.25, M7 5.4 to 0.73, M33 7.6 to 1.15.
        """
        per_entry = 8 if core.has_dsp else 3.6 if core.has_it_blocks else 3.1
        return self.size_bytes < weights and self.size_bytes * self.entries * per_entry < weights**2

    @property
    def access(self) -> AccessPattern:
        """Of one output pixel: each channel reads its inputs, then is written."""
        return AccessPattern(self.first, np.arange(1, self.first.size + 1))


def sparse_of(weights: npt.NDArray[np.int8], places: Integers) -> Sparse | None:
    """The coding with wide gaps, which is the faster one, unless narrow ones are a good deal smaller.

    Args:
        weights: [channels, taps].
        places: Ascending int64 [taps], where each tap's input lies past the window's start.

    Returns:
        None if all weights are zero.
    """
    if not weights.any():
        return None
    wide, narrow = (_coded(weights, places, bits) for bits in _CODES)
    return narrow if narrow.size_bytes < _WORTH_NARROW * wide.size_bytes else wide


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
    """The gaps and the weights of one channel's entries, an even number."""
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
    """Two entries to a word: from its lowest byte, both gaps, both weights."""
    octets = np.stack([gaps[::2], gaps[1::2], values[::2], values[1::2]], axis=1).astype(np.uint8)
    return octets.view("<u4").ravel().astype(np.uint32)


def _bytes(gaps: Integers, values: Integers) -> npt.NDArray[np.unsignedinteger]:
    """Two entries to three bytes: both gaps, the first in the low half, then both weights."""
    return np.stack([gaps[::2] | gaps[1::2] << 4, values[::2], values[1::2]], axis=1).astype(np.uint8).ravel()


_CODES: dict[int, Callable[[Integers, Integers], npt.NDArray[np.unsignedinteger]]] = {8: _words, 4: _bytes}
