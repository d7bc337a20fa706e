"""Quick placement: one buffer after the other, each as low as the earlier ones let it."""

from collections.abc import Sequence

from sparse_mcu.costmodel.memory.placement.instance import Instance


def priorities(instance: Instance) -> list[list[int]]:
    """Ways to rank the buffers, the highest number first; the most promising way first."""
    size, start, end, loads = instance.size, instance.start, instance.end, instance.loads
    lives = list(zip(start, end, strict=True))
    ways = [
        [sum(loads[first:last]) for first, last in lives],
        size,
        [need * (last - first) for need, (first, last) in zip(size, lives, strict=True)],
        [1000 * max(loads[first:last]) + need for need, (first, last) in zip(size, lives, strict=True)],
    ]
    if any(instance.shared):  # outputs start below the inputs that they overlap: the last first, what fits around later
        heirs = {*instance.heir}
        paired = [heir >= 0 or buffer in heirs for buffer, heir in enumerate(instance.heir)]
        ways.append([1 + birth if is_paired else 0 for birth, is_paired in zip(start, paired, strict=True)])
    return ways


def ranked(instance: Instance, priority: Sequence[float]) -> list[int]:
    """Buffers by falling priority; the larger of equals first."""
    return sorted(range(len(instance.size)), key=lambda buffer: (-priority[buffer], -instance.size[buffer], buffer))


def first_fit(instance: Instance, order: Sequence[int]) -> list[int]:
    """Offsets, in units, of placing the buffers in `order`, each as low as those before it permit."""
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
