"""What a kernel touches, in what order, and how far its output may therefore reach into its input."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NOTHING = 2**40
"""The lowest address that is read where none is: beyond every tensor."""


@dataclass(frozen=True, slots=True, eq=False)
class AccessPattern:
    """A kernel as a sequence of moments: each reads some of one input, then writes some of the output.

    Attributes:
        lowest_read: int64 [moments], the lowest byte of the input (from its start) that the moment reads;
            a moment that reads nothing has `NOTHING`.
        write_end: int64 [moments], one past the highest byte of the output that the moment writes;
            a moment that writes nothing has 0.
    """

    lowest_read: npt.NDArray[np.int64]
    write_end: npt.NDArray[np.int64]


def safe_distance_bytes(pattern: AccessPattern, input_bytes: int) -> int:
    """The least (start of input - start of output) at which no byte is overwritten before its last read.

    What moment i has written must lie below all that later moments read:
    distance >= max over i of (write_end[i] - min over j > i of lowest_read[j]); after the last moment nothing is read.
    Diagonal memory optimisation, arXiv 2010.01668, stated for any order of access.

    Args:
        pattern: What the kernel declares.
        input_bytes: Size of the input.

    Returns:
        The distance, at least -input_bytes: there the two are apart; 0 for a kernel that reads each byte before it
        writes there, negative if the output may start above the input's start.
    """
    if pattern.write_end.size <= 1:
        return -input_bytes
    later_reads = np.minimum.accumulate(pattern.lowest_read[::-1])[::-1][1:]
    written = np.maximum.accumulate(pattern.write_end)[:-1]
    return max(int((written - later_reads).max()), -input_bytes)
