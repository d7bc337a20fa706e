"""Places buffers quickly: one after the other, each as low as the earlier ones let it.

Example, largest first: b [1, 3) of 8 bytes goes to 0; a [0, 2) of 4 bytes meets b and goes to 8; c [2, 4) of 4 bytes
meets b but not a, and goes to 8 as well. The height is 12.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from sparse_mcu.costmodel.memory.placement.instance import Instance

MANY = 2000
"""Instances of so many buffers are placed in machine code, if none may overlap."""


def priorities(instance: Instance) -> list[list[int]]:
    """Return ways to rank the buffers, the most promising first; in each, high numbers are placed first."""
    size, start, end, loads = instance.size, instance.start, instance.end, instance.loads
    lives = list(zip(start, end, strict=True))
    sums, heights = [0, *accumulate(loads)], np.array(loads)
    ways = [
        [sums[last] - sums[first] for first, last in lives],
        size,
        [need * (last - first) for need, (first, last) in zip(size, lives, strict=True)],
        [1000 * int(heights[first:last].max()) + need for need, (first, last) in zip(size, lives, strict=True)],
    ]
    if any(instance.shared):  # outputs start below the inputs that they overlap, so the latest ones are placed first
        heirs = {*instance.heir}
        paired = [heir >= 0 or buffer in heirs for buffer, heir in enumerate(instance.heir)]
        ways.append([1 + birth if is_paired else 0 for birth, is_paired in zip(start, paired, strict=True)])
    return ways


def ranked(instance: Instance, priority: Sequence[float]) -> list[int]:
    """Sort buffers by falling priority; of equals, the larger one first."""
    return sorted(range(len(instance.size)), key=lambda buffer: (-priority[buffer], -instance.size[buffer], buffer))


def first_fit(instance: Instance, order: Sequence[int]) -> list[int]:
    """Place the buffers in `order`, each as low as those before it permit; return offsets in units."""
    if len(order) >= MANY and not any(instance.shared):
        return _scanned(instance, order)
    start, end = instance.start, instance.end
    offsets = [0] * len(order)
    placed: list[list[int]] = [[] for _ in instance.loads]
    for buffer in order:
        sections = range(start[buffer], end[buffer])
        met = {other for section in sections for other in placed[section]}
        offset = 0
        for above, below in sorted(  # the offsets between them collide with a placed buffer
            (offsets[other] - instance.rise(buffer, other), offsets[other] + instance.rise(other, buffer))
            for other in met
        ):
            if offset <= above:
                break
            offset = max(offset, below)
        offsets[buffer] = offset
        for section in sections:
            placed[section].append(buffer)
    return offsets


def _scanned(instance: Instance, order: Sequence[int]) -> list[int]:
    from sparse_mcu.costmodel.memory.placement import scan_compiled  # noqa: PLC0415 - small plans never load numba

    sequences = instance.size, instance.start, instance.end, order
    size, start, end, ordered = (np.array(values, dtype=np.int64) for values in sequences)
    offset = np.zeros_like(size)
    scan_compiled.first_fit(size, start, end, ordered, offset, np.zeros_like(size))
    return [int(low) for low in offset]
