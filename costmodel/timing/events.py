"""Names what happens between a core and its memories, as engines count it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self


class Event(IntEnum):
    """An access that the core may have to wait for. The numbers are those of memories.c.

    Attributes:
        FETCH_JUMP: A line of code is fetched that no cache holds, after a jump.
        FETCH_NEXT: A line of code is fetched that no cache holds, and it follows the line before.
        DATA_READ: A unit of data is read from flash, from a cache or not.
        DATA_LINE: A line of data is read from flash, since no cache holds it.
        RAM_LOAD: A line of cached RAM is read for a load.
        RAM_STORE: A line of cached RAM is read for a store.
        RAM_EVICT: A changed line leaves the data cache.
    """

    FETCH_JUMP = 0
    FETCH_NEXT = 1
    DATA_READ = 2
    DATA_LINE = 3
    RAM_LOAD = 4
    RAM_STORE = 5
    RAM_EVICT = 6


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache that replaces the line that was used least recently.

    Attributes:
        line_bytes: Bytes of a line, a power of two.
        sets: Lines are spread over this many sets by their address; a power of two. 1 is fully associative.
        ways: Lines of a set.
    """

    line_bytes: int
    sets: int
    ways: int

    @classmethod
    def single(cls, line_bytes: int) -> Self:
        """Returns a buffer of one line."""
        return cls(line_bytes, 1, 1)

    @property
    def size_bytes(self) -> int:
        """All of its lines."""
        return self.line_bytes * self.sets * self.ways


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Everything that decides which events a run has: the caches and what lies behind them.

    Attributes:
        flash: First address of the flash, and the address behind its last.
        fetch: The cache for code, or the buffer of the line that the core executes.
        data: The cache for data; None if data use the cache for code.
        cached_ram: The RAM behind the data cache, like `flash`; None if the core reads RAM directly.
        keeps_jumps_only: Whether lines that follow each other come from the prefetch, and stay out of the code cache.
    """

    flash: tuple[int, int]
    fetch: Cache
    data: Cache | None
    cached_ram: tuple[int, int] | None = None
    keeps_jumps_only: bool = False
