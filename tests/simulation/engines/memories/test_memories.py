"""The native simulation alone, fed with instructions by hand and by chance, against a plain one in Python."""

import ctypes
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.timing.memory_system import KINDS, Cache, Event, Hierarchy
from sparse_mcu.costmodel.timing.memory_system.events import LATEST
from sparse_mcu.simulation.engines.memories.memories import MemorySimulation

FLASH, RAM = 0x08000000, 0x20000000
SIZE = 0x1000  # of the code, in bytes
NOP, LOAD, STORE = 0xBF00, 0x6808, 0x6008  # ldr r0, [r1] and str r0, [r1]
READ = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_uint32))
OBSERVE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)

Access = tuple[str, int, int]  # nop, load or store; halfword of the instruction; address of the data


class Feeder:
    """Plays the emulator: a core whose registers all hold the address of the next access."""

    def __init__(self, hierarchy: Hierarchy, code: np.ndarray) -> None:
        self.address = 0
        self._read = READ(self._register)
        self._left = np.zeros(1, np.uint64)
        self.simulation = MemorySimulation(
            hierarchy,
            FLASH,
            code.astype("<u2").tobytes(),
            phases=1,
            marks_left=self._left.ctypes.data,
            read_register=ctypes.cast(self._read, ctypes.c_void_p).value or 0,
            registers=range(16),
        )
        self._observe = OBSERVE(self.simulation.callback)

    def _register(self, _engine: int, _number: int, value: "ctypes._Pointer[ctypes.c_uint32]") -> int:
        value[0] = self.address
        return 0

    def execute(self, halfword: int, address: int = 0, size: int = 2) -> None:
        """Executes the instruction at a halfword, whose data lie at `address`."""
        self.address = address
        self._observe(None, FLASH + 2 * halfword, size, self.simulation.state_address)

    def events(self) -> list[int]:
        """Returns the number of each event."""
        return [int(count) for count in self.simulation.events.sum(axis=(1, 2))]


class PlainCache:
    """Holds the lines of each set in the order of their last use."""

    def __init__(self, shape: Cache) -> None:
        self.shape = shape
        self._sets: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(shape.sets)]

    def holds(self, line: int) -> bool:
        """Tells whether the line is there, and makes it the newest."""
        lines = self._sets[line % self.shape.sets]
        found = line in lines
        lines.pop(line, None)
        lines[line] = None
        if len(lines) > self.shape.ways:
            lines.popitem(last=False)
        return found


def plain_events(hierarchy: Hierarchy, trace: Iterable[Access]) -> list[int]:
    """Counts the events of instructions of one halfword, as plainly as possible."""
    events = [0] * KINDS
    fetch = PlainCache(hierarchy.fetch)
    data = fetch if hierarchy.data is None else PlainCache(hierarchy.data)
    current, passed = None, 0
    for kind, halfword, address in trace:
        line = (FLASH + 2 * halfword) // fetch.shape.line_bytes
        if line != current:
            follows = current is not None and line == current + 1
            if not fetch.holds(line):
                events[Event.FETCH_NEXT + min(passed, LATEST) if follows else Event.FETCH_JUMP] += 1
            current, passed = line, 0
        passed += 1
        if kind == "nop":
            continue
        in_flash = hierarchy.flash[0] <= address < hierarchy.flash[1]
        in_ram = hierarchy.cached_ram is not None and hierarchy.cached_ram[0] <= address < hierarchy.cached_ram[1]
        is_load = kind == "load"
        events[Event.DATA_READ] += in_flash and is_load
        if (in_flash and is_load) or (in_ram and not in_flash):
            missed = not data.holds(address // data.shape.line_bytes)
            events[Event.DATA_LINE if in_flash else Event.RAM_LINE] += missed and is_load
    return events


SHAPES = st.builds(Cache, st.sampled_from([4, 8, 16, 32]), st.sampled_from([1, 2, 8]), st.integers(1, 5))
HIERARCHIES = st.builds(
    Hierarchy,
    st.just((FLASH, FLASH + SIZE)),
    SHAPES,
    st.none() | SHAPES,
    st.none() | st.just((RAM, RAM + 0x80)),
)
HALFWORDS = st.integers(0, 127) | st.integers(0, SIZE // 2 - 1)
ADDRESSES = st.integers(FLASH, FLASH + 0xFF) | st.integers(RAM, RAM + 0xFF)
RUNS = st.lists(
    st.tuples(HALFWORDS, st.lists(st.tuples(st.sampled_from(["nop", "load", "store"]), ADDRESSES), max_size=9))
)


@given(HIERARCHIES, RUNS)
@settings(max_examples=150, deadline=None)
def test_events_are_those_of_a_plain_simulation(
    hierarchy: Hierarchy, runs: list[tuple[int, list[tuple[str, int]]]]
) -> None:
    codes = {"nop": NOP, "load": LOAD, "store": STORE}
    trace = [
        (kind, (first + at) % (SIZE // 2), address)
        for first, accesses in runs
        for at, (kind, address) in enumerate(accesses)
    ]
    code, kept, consistent = np.full(SIZE // 2, NOP), dict[int, str](), []
    for kind, halfword, address in trace:  # an instruction stays what it is when it runs again
        code[halfword] = codes[kept.setdefault(halfword, kind)]
        consistent.append((kept[halfword], halfword, address))
    feeder = Feeder(hierarchy, code)
    for _, halfword, address in consistent:
        feeder.execute(halfword, address)
    assert feeder.events() == plain_events(hierarchy, consistent)


def test_lines_of_a_loop_are_fetched_once_if_the_cache_holds_them() -> None:
    hierarchy = Hierarchy((FLASH, FLASH + SIZE), Cache(8, 1, 2), Cache(8, 1, 1))
    feeder = Feeder(hierarchy, np.full(SIZE // 2, NOP))
    for _ in range(3):
        for halfword in range(8):
            feeder.execute(halfword)
    events = feeder.events()
    assert events[Event.FETCH_JUMP] == 1
    assert events[Event.FETCH_NEXT + 4] == 1
    assert sum(events) == 2


def test_a_wide_instruction_across_lines_fetches_both() -> None:
    hierarchy = Hierarchy((FLASH, FLASH + SIZE), Cache(8, 1, 4), Cache(8, 1, 1))
    feeder = Feeder(hierarchy, np.full(SIZE // 2, NOP))
    feeder.execute(3, size=4)
    feeder.execute(5)
    events = feeder.events()
    assert (events[Event.FETCH_JUMP], events[Event.FETCH_NEXT], sum(events)) == (1, 1, 2)


def test_a_reset_empties_the_caches_and_keeps_the_events() -> None:
    feeder = Feeder(Hierarchy((FLASH, FLASH + SIZE), Cache(8, 1, 4), Cache(8, 1, 1)), np.full(SIZE // 2, LOAD))
    feeder.execute(0, FLASH)
    feeder.simulation.reset()
    feeder.execute(0, FLASH)
    events = feeder.events()
    assert (events[Event.FETCH_JUMP], events[Event.DATA_READ], events[Event.DATA_LINE]) == (2, 2, 2)


@pytest.mark.parametrize(("kind", "expected"), [(LOAD, 1), (STORE, 0)])
def test_only_loads_wait_for_cached_ram(kind: int, expected: int) -> None:
    hierarchy = Hierarchy((FLASH, FLASH + SIZE), Cache(32, 1, 4), Cache(32, 4, 4), (RAM, RAM + 64))
    feeder = Feeder(hierarchy, np.full(SIZE // 2, kind))
    feeder.execute(0, RAM)
    feeder.execute(0, RAM + 4)
    feeder.execute(0, RAM + 64)
    assert feeder.events()[Event.RAM_LINE] == expected
