"""Names what happens between a core and its memories, as engines count it, and what decides it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

LATEST: Final = 7
"""The last `FETCH_NEXT` stands for this many instructions and more."""


class Event(IntEnum):
    """An access that the core may have to wait for. The numbers are those of memories.c.

    Attributes:
        FETCH_JUMP: A line of code is fetched that no cache holds, after a jump.
        FETCH_NEXT: A line of code is fetched that no cache holds, and it follows the line before. FETCH_NEXT + n: the
            core executed n whole instructions in the line before, since it came there. So long had a prefetch.
        DATA_READ: A unit of data is read from flash, from a cache or not.
        DATA_LINE: A line of data is read from flash, since no cache holds it.
        RAM_LINE: A line of cached RAM is read for a load, since the data cache does not hold it. Stores do not wait.
    """

    FETCH_JUMP = 0
    FETCH_NEXT = 1
    DATA_READ = FETCH_NEXT + LATEST + 1
    DATA_LINE = DATA_READ + 1
    RAM_LINE = DATA_READ + 2


KINDS: Final = max(Event) + 1
"""The number of kinds of events, each `FETCH_NEXT + n` for itself."""


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


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Everything that decides which events a run has: the caches and what lies behind them.

    Attributes:
        flash: First address of the flash, and the address behind its last.
        fetch: The cache for code, or the buffer of the line that the core executes.
        data: The cache for data; None if data use the cache for code.
        cached_ram: The RAM behind the data cache, like `flash`; None if the core reads RAM directly.
    """

    flash: tuple[int, int]
    fetch: Cache
    data: Cache | None
    cached_ram: tuple[int, int] | None = None
