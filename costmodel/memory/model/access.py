"""Derives from a kernel's order of access how far its output may reach into its input.

Example: a kernel reads 4 input bytes at a time and writes 2 output bytes for them: reads 0-3, writes 0-1, reads 4-7,
writes 2-3. After moment 0 it has written up to byte 2 and will read from byte 4 on: 2 - 4 = -2. So the output may
start up to 2 bytes above the input, and no byte is overwritten before it has been read.
"""

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
    """Return the least (start of input - start of output) at which no byte is overwritten before its last read.

    What moment i has written must lie below all that later moments read:
    distance >= max over i of (write_end[i] - min over j > i of lowest_read[j]); after the last moment nothing is read.
    Diagonal memory optimisation, arXiv 2010.01668, stated for any order of access.

    Args:
        pattern: What the kernel declares.
        input_bytes: Size of the input.

    Returns:
        The distance. 0: the two may start at the same byte. Negative: the output may start above the input's start.
        It is at least -input_bytes, where the output starts at the input's end.
    """
    if pattern.write_end.size <= 1:
        return -input_bytes
    later_reads = np.minimum.accumulate(pattern.lowest_read[::-1])[::-1][1:]
    written = np.maximum.accumulate(pattern.write_end)[:-1]
    return max(int((written - later_reads).max()), -input_bytes)
