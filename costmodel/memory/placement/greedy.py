"""Places buffers quickly: one after the other, each as low as the earlier ones let it.

Example, largest first: b [1, 3) of 8 bytes goes to 0; a [0, 2) of 4 bytes meets b and goes to 8; c [2, 4) of 4 bytes
meets b but not a, and goes to 8 as well. The height is 12.
"""

from collections.abc import Sequence

from sparse_mcu.costmodel.memory.placement.instance import Instance


def priorities(instance: Instance) -> list[list[int]]:
    """Return ways to rank the buffers, the most promising first; in each, high numbers are placed first."""
    size, start, end, loads = instance.size, instance.start, instance.end, instance.loads
    lives = list(zip(start, end, strict=True))
    ways = [
        [sum(loads[first:last]) for first, last in lives],
        size,
        [need * (last - first) for need, (first, last) in zip(size, lives, strict=True)],
        [1000 * max(loads[first:last]) + need for need, (first, last) in zip(size, lives, strict=True)],
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
