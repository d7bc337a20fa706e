"""Placement reduced to its core: sizes in units, lives in sections."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import gcd

from costmodel.memory.plan import Buffer


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
        unit: Bytes per unit: the greatest common divisor of the sizes.
    """

    names: tuple[str, ...]
    size: list[int]
    start: list[int]
    end: list[int]
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
        """Units live in each section."""
        return [sum(self.size[buffer] for buffer in members) for members in self.members]


def instances_of(buffers: Sequence[Buffer]) -> list[Instance]:
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
    return [_instance(group) for group in groups]


def _instance(group: list[Buffer]) -> Instance:
    unit = gcd(*(buffer.size_bytes for buffer in group))
    starts, ends = {buffer.start for buffer in group}, {buffer.end for buffer in group}
    times = sorted(starts | ends)
    kept = [now in starts and then in ends for now, then in pairwise(times)]
    section_at = dict(zip(times, accumulate(kept, initial=0), strict=True))
    return Instance(
        names=tuple(buffer.name for buffer in group),
        size=[buffer.size_bytes // unit for buffer in group],
        start=[section_at[buffer.start] for buffer in group],
        end=[section_at[buffer.end] for buffer in group],
        unit=unit,
    )
