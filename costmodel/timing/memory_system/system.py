"""Reads memory systems from costmodel/timing/memory_system/systems: one file a family of chips, each figure sourced."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sparse_mcu.costmodel.devices.schema import Figure, Positive, Sourced, read_toml
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.records import FileRecord
from sparse_mcu.costmodel.timing.memory_system.events import Cache, Hierarchy

_FOLDER = files("sparse_mcu.costmodel.timing.memory_system") / "systems"
_SUFFIX = ".toml"

IDEAL = "zero-wait-states"
"""The memory system that no core ever waits for."""

Count = Annotated[int, Field(ge=0)]


class WaitStates(Sourced):
    """The wait states of the flash: the highest clock with none, with one, and so on."""

    highest_clock_hz: Annotated[list[Positive], Field(min_length=1)]


class CacheFile(Sourced):
    """A cache, or a buffer of one line; see `Cache`."""

    line_bytes: Positive
    sets: Positive
    ways: Positive

    @model_validator(mode="after")
    def _powers(self) -> Self:
        if any(size & (size - 1) for size in (self.line_bytes, self.sets)):
            raise ValueError("line_bytes and sets must be powers of two")
        return self

    def cache(self) -> Cache:
        """Returns the cache alone."""
        return Cache(self.line_bytes, self.sets, self.ways)


class DataPath(Sourced):
    """How data are read from flash.

    Attributes:
        kind: "none": every read waits. "shared": through the code cache. "own": through `cache`.
        cache: The data cache, for "own".
    """

    kind: Literal["none", "shared", "own"]
    cache: CacheFile | None = None

    @model_validator(mode="after")
    def _has_cache(self) -> Self:
        if (self.kind == "own") != (self.cache is not None):
            raise ValueError('a cache belongs to kind "own", and only to it')
        return self


class RamFile(Sourced):
    """RAM that the core reads through its data cache: first address, the one behind the last, cycles of a miss."""

    start: Count
    end: Count
    miss_cycles: Annotated[float, Field(ge=0)]


class MemorySystemFile(FileRecord):
    """The content of costmodel/timing/memory_system/systems/<name>.toml.

    Attributes:
        name: The file's name.
        title: What it is, and the set-up that it assumes, for reports.
        wait_states: By clock of the bus that the flash hangs on.
        bus_divider: Cycles of the core for one of that bus.
        code: The cache for code, or the line buffer.
        prefetch: Whether the next line is read while the core executes one.
        data: How data are read from flash.
        code_overhead: Cycles of the core that a missed line of code costs beside the wait states.
        data_overhead: The same for data. It may be negative, if the core works on.
        ram: The RAM behind the data cache; None if the core reads RAM directly.
    """

    name: str
    title: str
    wait_states: WaitStates
    bus_divider: Figure[Positive]
    code: CacheFile
    prefetch: Figure[bool]
    data: DataPath
    code_overhead: Figure[float]
    data_overhead: Figure[float]
    ram: RamFile | None = None


@dataclass(frozen=True, slots=True)
class MemorySystem:
    """A memory system at a clock.

    Attributes:
        name: The name of its file.
        title: What it is, for reports.
        wait_states: Of the flash, in cycles of its bus.
        hierarchy: What decides the events of a run; None if no event costs anything.
        prefetch: Whether the next line of code is read while the core executes one.
        buffers_data: Whether data that were just read, or lie beside them, cost nothing.
        code_miss: Cycles that a missed line of code costs.
        data_miss: Cycles that a missed line of data costs; without a buffer, every read.
        ram_miss: Cycles that a missed line of cached RAM costs.
    """

    name: str
    title: str
    wait_states: int
    hierarchy: Hierarchy | None
    prefetch: bool = False
    buffers_data: bool = False
    code_miss: float = 0.0
    data_miss: float = 0.0
    ram_miss: float = 0.0

    @property
    def summary(self) -> str:
        """Name and wait states in words."""
        plural = "" if self.wait_states == 1 else "s"
        return self.name if self.hierarchy is None else f"{self.name}, {self.wait_states} wait state{plural}"


def memory_system_names() -> tuple[str, ...]:
    """Returns the names of all memory systems, sorted."""
    found = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(_SUFFIX))
    return tuple(sorted((IDEAL, *(name.removesuffix(_SUFFIX) for name in found))))


@cache
def memory_system_file(name: str) -> MemorySystemFile:
    """Returns the content of a memory system's file.

    Raises:
        DataFileError: There is no such memory system, or its file is broken.
    """
    if name not in memory_system_names() or name == IDEAL:
        known = ", ".join(memory_system_names())
        raise DataFileError(f"unknown memory system '{name}'", where="--memory", fix=f"Use one of {known}.")
    path = _FOLDER / f"{name}{_SUFFIX}"
    file = read_toml(path, MemorySystemFile)
    if file.name != name:
        raise DataFileError(f"key 'name': '{file.name}' is not the file's name", where=str(path))
    return file


def load_memory_system(board: Board) -> MemorySystem:
    """Returns the memory system of a board at its clock.

    Raises:
        DataFileError: There is no such memory system, its file is broken, or its flash is too slow for the clock.
    """
    flash = board.flash.origin, board.flash.origin + board.flash.size_bytes
    return memory_system_at(board.memory_system, board.clock_hz, flash, board.wait_states)


def memory_system_at(
    name: str, clock_hz: int, flash: tuple[int, int] = (0, 0), wait_states: int | None = None
) -> MemorySystem:
    """Returns a memory system at a clock.

    Args:
        name: One of `memory_system_names`.
        clock_hz: The clock of the core.
        flash: First address of the flash, and the one behind its last. Only a simulation needs it.
        wait_states: Wait states of the flash; None for those of the clock.

    Raises:
        DataFileError: See `load_memory_system`.
    """
    if name == IDEAL:
        return MemorySystem(IDEAL, "no core ever waits", 0, None)
    file = memory_system_file(name)
    wait_states = _wait_states(file, clock_hz) if wait_states is None else wait_states
    waited = wait_states * file.bus_divider.value
    return MemorySystem(
        name=file.name,
        title=file.title,
        wait_states=wait_states,
        hierarchy=_hierarchy(file, flash),
        prefetch=file.prefetch.value,
        buffers_data=file.data.kind != "none",
        code_miss=max(0.0, waited + file.code_overhead.value),
        data_miss=max(0.0, waited + file.data_overhead.value),
        ram_miss=file.ram.miss_cycles if file.ram else 0.0,
    )


def _wait_states(file: MemorySystemFile, clock_hz: int) -> int:
    clock = clock_hz / file.bus_divider.value
    for wait_states, highest in enumerate(file.wait_states.highest_clock_hz):
        if clock <= highest:
            return wait_states
    raise DataFileError(
        f"no wait states are known for {clock_hz} Hz",
        where=file.name,
        fix="Lower the clock, or give the wait states with --wait-states.",
    )


def _hierarchy(file: MemorySystemFile, flash: tuple[int, int]) -> Hierarchy:
    code = file.code.cache()
    own = file.data.cache.cache() if file.data.cache else Cache(code.line_bytes, 1, 1)
    return Hierarchy(
        flash=flash,
        fetch=code,
        data=None if file.data.kind == "shared" else own,
        cached_ram=(file.ram.start, file.ram.end) if file.ram else None,
    )
