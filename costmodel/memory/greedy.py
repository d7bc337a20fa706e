"""Quick placement: one buffer after the other, each as low as the earlier ones let it."""

from collections.abc import Iterator, Sequence

from costmodel.memory.instance import Instance


def orderings(instance: Instance) -> Iterator[list[int]]:
    """Orders in which to take the buffers, the most promising first."""
    size, start, end, loads = instance.size, instance.start, instance.end, instance.loads
    span = [last - first for first, last in zip(start, end, strict=True)]
    load = [sum(loads[first:last]) for first, last in zip(start, end, strict=True)]
    tightest = [max(loads[first:last]) for first, last in zip(start, end, strict=True)]
    buffers = range(len(size))
    yield sorted(buffers, key=lambda b: (-load[b], -size[b], b))
    yield sorted(buffers, key=lambda b: (-span[b], -size[b], b))
    yield sorted(buffers, key=lambda b: (-size[b], -span[b], b))
    yield sorted(buffers, key=lambda b: (-size[b] * span[b], b))
    yield sorted(buffers, key=lambda b: (-tightest[b], -size[b], b))
    yield sorted(buffers, key=lambda b: (start[b], -size[b], b))


def first_fit(instance: Instance, order: Sequence[int]) -> tuple[list[int], int]:
    """Offsets and height, in units, of placing the buffers in `order`, each in the lowest gap that holds it."""
    size, start, end = instance.size, instance.start, instance.end
    offsets = [0] * len(size)
    placed: list[tuple[int, int, int]] = []
    height = 0
    for buffer in order:
        first, last, need, offset = start[buffer], end[buffer], size[buffer], 0
        for low, top, other in placed:
            if start[other] < last and first < end[other]:
                if offset + need <= low:
                    break
                offset = max(offset, top)
        offsets[buffer] = offset
        placed.append((offset, offset + need, buffer))
        placed.sort()
        height = max(height, offset + need)
    return offsets, height
