"""First fit for many buffers, and its repair: buffers that came to lie too high go first in the next round.

First fit looks at the placed buffers from the lowest offset up, and takes the first gap between those that meet the new
one. They are kept sorted, so a search ends at its gap. The code is written in the common subset of Python and numba;
`scan_compiled.py` compiles it. With it, 60,000 buffers take seconds.

The repair is squeaky wheel optimisation (Joslin and Clements, Journal of Artificial Intelligence Research 10, 1999):
whoever got a bad place complains, and is served earlier.

Example: a [0, 1) and b [1, 2) of 6 bytes, c [0, 2) of 4 bytes, placed in the order b, c, a: b to 0, c to 6, a to 0. If
the order is c, a, b, c goes to 0, a and b to 4, and the height is 10 too.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

Ints: TypeAlias = Any
"""list[int] interpreted, int64 array compiled: whatever is indexed by and holds integers."""


def first_fit(size: Ints, start: Ints, end: Ints, order: Ints, offset: Ints, placed: Ints) -> int:
    """Place the buffers in `order`, each as low as those before it permit.

    Args:
        size: [n] units.
        start: [n] first section of each buffer.
        end: [n] one past its last.
        order: [n] the buffers, in the order in which they are placed.
        offset: [n] anything; the offsets in the end.
        placed: [n] anything; the buffers by rising offset in the end.

    Returns:
        The height.
    """
    height = 0
    for count in range(len(order)):
        buffer, low, index = order[count], 0, 0
        while index < count and offset[placed[index]] < low + size[buffer]:
            other = placed[index]
            if start[other] < end[buffer] and start[buffer] < end[other]:
                low = max(low, offset[other] + size[other])
            index += 1
        offset[buffer] = low
        height = max(height, low + size[buffer])
        at = count
        while at > 0 and offset[placed[at - 1]] > low:
            placed[at] = placed[at - 1]
            at -= 1
        placed[at] = buffer
    return height


def complaining(order: Sequence[int], tops: Sequence[int], lowest: int) -> list[int]:
    """Return the next order: first those that end above the lowest height, then the others, each in their own order."""
    first = [buffer for buffer in order if tops[buffer] > lowest]
    return first + [buffer for buffer in order if tops[buffer] <= lowest]
