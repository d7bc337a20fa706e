"""Reduces placement to its core: sizes in units, lives in sections.

Example: buffers of 8 and 12 bytes with lives [0, 5) and [3, 9). The unit is 4 bytes, so the sizes are 2 and 3. They
meet during [3, 5), and that is the only section: what fits there fits everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import gcd

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes


@dataclass(frozen=True)
class Instance:
    """Buffers whose lives are connected, as flat sequences for the search core.

    A section is a stretch of time with a fixed set of live buffers. Only sections whose set is contained in no
    other's are kept: two buffers meet exactly if they share one of these.

    Attributes:
        names: [n] of the buffers.
        size: [n] in units.
        start: [n] first section of each buffer.
        end: [n] one past its last section.
        heir: [n] the buffer that may overlap it where it dies, or -1.
        gap: [n] the least distance from the heir's start up to this buffer's, if the heir starts lower; in units.
        shared: [n] the most units that it can share with the buffers whose heir it is, all in its first section.
        unit: Bytes per unit: the greatest common divisor of sizes and gaps.
    """

    names: tuple[str, ...]
    size: list[int]
    start: list[int]
    end: list[int]
    heir: list[int]
    gap: list[int]
    shared: list[int]
    unit: int

    @cached_property
    def members(self) -> list[list[int]]:
        """Buffers of each section."""
        sections: list[list[int]] = [[] for _ in range(max(self.end))]
        for buffer, (start, end) in enumerate(zip(self.start, self.end, strict=True)):
            for section in range(start, end):
                sections[section].append(buffer)
        return sections

    @cached_property
    def loads(self) -> list[int]:
        """Units live in each section; units that buffers may share count once."""
        change = [0] * (max(self.end) + 1)
        for size, start, end in zip(self.size, self.start, self.end, strict=True):
            change[start] += size
            change[end] -= size
        loads = list(accumulate(change[:-1]))
        for section, shared in zip(self.start, self.shared, strict=True):
            loads[section] -= shared
        return loads

    def rise(self, lower: int, upper: int) -> int:
        """Return the least distance from the start of `lower` up to that of `upper`, if they meet."""
        return self.gap[upper] if self.heir[upper] == lower else self.size[lower]


def instances_of(buffers: Sequence[Buffer], overlaps: Sequence[Overlap] = ()) -> list[Instance]:
    """Split buffers into groups that never meet in time; buffers of 0 bytes are in none."""
    solid = sorted((b for b in buffers if b.size_bytes and b.start < b.end), key=lambda b: (b.start, b.end, b.name))
    groups: list[list[Buffer]] = []
    reach = 0
    for buffer in solid:
        if not groups or buffer.start >= reach:
            groups.append([])
            reach = buffer.end
        groups[-1].append(buffer)
        reach = max(reach, buffer.end)
    by_dying = {overlap.dying: overlap for overlap in overlaps}
    return [_instance(group, by_dying) for group in groups]


def _instance(group: list[Buffer], overlaps: Mapping[str, Overlap]) -> Instance:
    index = {buffer.name: at for at, buffer in enumerate(group)}
    pairs = [overlaps.get(buffer.name) for buffer in group]
    pairs = [pair if pair and pair.output in index else None for pair in pairs]
    unit = gcd(*(buffer.size_bytes for buffer in group), *(pair.distance_bytes for pair in pairs if pair))
    size = [buffer.size_bytes // unit for buffer in group]
    heir = [index[pair.output] if pair else -1 for pair in pairs]
    gap = [pair.distance_bytes // unit if pair else 0 for pair in pairs]
    guests: list[list[tuple[int, int]]] = [[] for _ in group]
    for buffer, output in enumerate(heir):
        if output >= 0:
            guests[output].append((gap[buffer], size[buffer]))
    starts, ends = {buffer.start for buffer in group}, {buffer.end for buffer in group}
    times = sorted(starts | ends)
    kept = [now in starts and then in ends for now, then in pairwise(times)]
    section_at = dict(zip(times, accumulate(kept, initial=0), strict=True))
    return Instance(
        names=tuple(buffer.name for buffer in group),
        size=size,
        start=[section_at[buffer.start] for buffer in group],
        end=[section_at[buffer.end] for buffer in group],
        heir=heir,
        gap=gap,
        shared=[shared_bytes(need, dying) for need, dying in zip(size, guests, strict=True)],
        unit=unit,
    )
