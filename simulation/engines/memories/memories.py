"""Simulates caches and the lines of flash during a run. The fast half is memories.c."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.timing.memory_system import KINDS, Cache, Hierarchy
from sparse_mcu.simulation.engines.counting.native import load_native

_NOTHING = 2**32 - 1  # the number of a line that no address has


class Access(ctypes.Structure):
    """Mirrors `struct access` of memories.c."""

    _fields_ = (
        ("kind", ctypes.c_uint8),
        ("width", ctypes.c_uint8),
        ("units", ctypes.c_uint8),
        ("base", ctypes.c_uint8),
        ("index", ctypes.c_uint8),
        ("shift", ctypes.c_uint8),
        ("offset", ctypes.c_int16),
    )


class _Cache(ctypes.Structure):
    """Mirrors `struct cache` of memories.c."""

    _fields_ = (
        ("shift", ctypes.c_uint32),
        ("sets", ctypes.c_uint32),
        ("ways", ctypes.c_uint32),
        ("recent", ctypes.c_uint32),
        ("lines", ctypes.c_void_p),
        ("older", ctypes.c_void_p),
        ("newer", ctypes.c_void_p),
        ("newest", ctypes.c_void_p),
        ("hints", ctypes.c_uint32 * 256),
    )


class _Memories(ctypes.Structure):
    """Mirrors `struct memories` of memories.c."""

    _fields_ = (
        ("read_register", ctypes.c_void_p),
        ("registers", ctypes.c_void_p),
        ("code", ctypes.c_void_p),
        ("code_start", ctypes.c_uint64),
        ("halfwords", ctypes.c_uint64),
        ("accesses", ctypes.c_void_p),
        ("marks_left", ctypes.c_void_p),
        ("phases", ctypes.c_uint64),
        ("events", ctypes.c_void_p),
        ("flash_start", ctypes.c_uint64),
        ("flash_end", ctypes.c_uint64),
        ("ram_start", ctypes.c_uint64),
        ("ram_end", ctypes.c_uint64),
        ("fetch", _Cache),
        ("data", _Cache),
        ("line", ctypes.c_uint32),
        ("since", ctypes.c_uint32),
    )


class MemorySimulation:
    """Holds the caches of one run, which the native callback changes, and the events that it counts.

    Args:
        hierarchy: The caches and what lies behind them.
        code_start: Address of the first byte of code.
        code: All code, contiguous.
        phases: The number of phases of the run.
        marks_left: Address of the counter's number of phases to come, a uint64.
        read_register: Address of the emulator's `int read(void *engine, int number, void *value)`.
        registers: The emulator's number of r0 to r15.

    Raises:
        EngineError: The native callback cannot be made.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        code_start: int,
        code: bytes,
        *,
        phases: int,
        marks_left: int,
        read_register: int,
        registers: Sequence[int],
    ) -> None:
        halfwords = len(code) // 2
        self.events: npt.NDArray[np.uint64] = np.zeros((KINDS, phases, halfwords), np.uint64)
        self._code = np.frombuffer(code, np.uint16, count=halfwords)
        self._accesses = (Access * halfwords)()
        self._registers = np.array(registers, np.int32)
        self._lines: list[npt.NDArray[np.uint32]] = []
        self._kept: list[npt.NDArray[np.uint32]] = []  # what the native half points to
        ram_start, ram_end = hierarchy.cached_ram or (0, 0)
        self._state = _Memories(
            read_register=read_register,
            registers=self._registers.ctypes.data,
            code=self._code.ctypes.data,
            code_start=code_start,
            halfwords=halfwords,
            accesses=ctypes.addressof(self._accesses),
            marks_left=marks_left,
            phases=phases,
            events=self.events.ctypes.data,
            flash_start=hierarchy.flash[0],
            flash_end=hierarchy.flash[1],
            ram_start=ram_start,
            ram_end=ram_end,
            fetch=self._cache(hierarchy.fetch),
            data=self._cache(hierarchy.data),
            line=_NOTHING,
        )
        library = load_native(Path(__file__).with_name("memories.c"))
        self.callback = ctypes.cast(library.observe, ctypes.c_void_p).value
        self.state_address = ctypes.addressof(self._state)

    def reset(self) -> None:
        """Empties the caches. The events stay."""
        for lines in self._lines:
            lines[:] = _NOTHING
        self._state.line = self._state.fetch.recent = self._state.data.recent = _NOTHING

    def _cache(self, cache: Cache | None) -> _Cache:
        """Returns an empty cache; one without sets if there is none."""
        if cache is None:
            return _Cache()
        places = np.arange(cache.sets * cache.ways, dtype=np.uint32).reshape(cache.sets, cache.ways)
        lines = np.full_like(places, _NOTHING)
        rings = [np.ascontiguousarray(ring) for ring in (np.roll(places, 1, 1), np.roll(places, -1, 1), places[:, -1])]
        self._lines.append(lines)
        self._kept += rings
        older, newer, newest = (ring.ctypes.data for ring in rings)
        return _Cache(
            shift=cache.line_bytes.bit_length() - 1,
            sets=cache.sets,
            ways=cache.ways,
            recent=_NOTHING,
            lines=lines.ctypes.data,
            older=older,
            newer=newer,
            newest=newest,
        )
