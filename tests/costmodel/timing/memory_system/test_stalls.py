"""What a core waits for its memories: counted by hand, and the laws that the stalls obey."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.devices import all_boards, at_operating_point, load_board
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.timing import Profile, price
from sparse_mcu.costmodel.timing.memory_system import (
    IDEAL,
    KINDS,
    Event,
    MemorySystem,
    load_memory_system,
    memory_system_names,
    price_on_board,
    stalls,
)

G0, L4, M7 = "nucleo-g0b1re", "nucleo-l4r5zi", "nucleo-f746zg"
NOP = bytes.fromhex("00bf")


def profile_of(events: dict[int, int], instructions: int = 100) -> Profile:
    """Returns a profile of one instruction that ran `instructions` times and had some events."""
    counted = np.zeros((KINDS, 1, 1), np.uint64)
    for kind, count in events.items():
        counted[kind, 0, 0] = count
    executed = np.full((1, 1), instructions, np.uint64)
    return Profile(0x08000000, executed, np.zeros_like(executed), counted)


def waits(board: str, events: dict[int, int], cycles: float = 100.0, wait_states: int | None = None) -> list[float]:
    """Returns the waits for code, for data in flash and for cached RAM."""
    system = load_memory_system(at_operating_point(load_board(board), wait_states=wait_states))
    counted = profile_of(events).events
    assert counted is not None
    found = stalls(counted.sum(axis=2), np.array([cycles / 100]), system)
    return [float(found[cause][0]) for cause in ("fetch", "flash data", "caches")]


@pytest.mark.parametrize(
    ("board", "event", "expected"),
    [
        (G0, Event.FETCH_JUMP, [2, 0, 0]),  # 2 wait states at 64 MHz
        (G0, Event.FETCH_NEXT, [2, 0, 0]),  # nothing ran since the jump: the prefetch had no time
        (G0, Event.FETCH_NEXT + 1, [2, 0, 0]),  # 1 of 3 cycles had passed
        (G0, Event.FETCH_NEXT + 2, [1, 0, 0]),
        (G0, Event.FETCH_NEXT + 3, [0, 0, 0]),  # four instructions of a line hide the next line
        (G0, Event.DATA_READ, [0, 2, 0]),  # no buffer: each read waits
        (G0, Event.DATA_LINE, [0, 0, 0]),
        (L4, Event.FETCH_JUMP, [5, 0, 0]),
        (L4, Event.FETCH_NEXT + 4, [2, 0, 0]),
        (L4, Event.DATA_READ, [0, 0, 0]),
        (L4, Event.DATA_LINE, [0, 5, 0]),
        (M7, Event.FETCH_NEXT + 7, [7, 0, 0]),  # no prefetch
        (M7, Event.DATA_LINE, [0, 7, 0]),
    ],
)
def test_waits_counted_by_hand(board: str, event: int, expected: list[float]) -> None:
    assert waits(board, {event: 1}) == expected


def test_cached_ram_waits_as_long_as_its_file_says() -> None:
    system = replace(load_memory_system(load_board(M7)), ram_miss=6.0)
    events = profile_of({Event.RAM_LINE: 2}).events
    assert events is not None
    assert stalls(events.sum(axis=2), np.ones(1), system)["caches"].tolist() == [12]


def test_slow_instructions_hide_more_of_a_prefetch() -> None:
    assert waits(L4, {Event.FETCH_NEXT + 2: 1}, cycles=100) == [4, 0, 0]
    assert waits(L4, {Event.FETCH_NEXT + 2: 1}, cycles=200) == [2, 0, 0]


EVENTS = st.dictionaries(st.integers(0, KINDS - 1), st.integers(0, 1000), max_size=KINDS)


@given(EVENTS, st.integers(0, 14), st.sampled_from([G0, L4, M7]))
def test_more_wait_states_are_never_faster(events: dict[int, int], wait_states: int, board: str) -> None:
    few, many = (sum(waits(board, events, wait_states=states)) for states in (wait_states, wait_states + 1))
    assert 0 <= few <= many


@given(EVENTS)
def test_without_wait_states_a_simple_flash_adds_nothing(events: dict[int, int]) -> None:
    assert waits(G0, events, wait_states=0) == [0, 0, 0]


def test_the_ideal_memory_adds_nothing_and_needs_no_events() -> None:
    board = at_operating_point(load_board(L4), memory=IDEAL)
    profile = replace(profile_of({}), events=None)
    assert price_on_board(profile, NOP, board) == price(profile, NOP, board.core)


def test_waits_are_causes_of_their_own() -> None:
    board = load_board(L4)
    count = price_on_board(profile_of({Event.FETCH_JUMP: 3, Event.DATA_LINE: 2}), NOP, board)
    assert (count.causes["fetch"], count.causes["flash data"], count.causes["caches"]) == ((15,), (10,), (0,))
    assert count.total == 100 + 25
    assert "stm32l4plus, 5 wait states" in count.model


def test_a_profile_without_events_cannot_be_priced_on_flash() -> None:
    with pytest.raises(DataFileError, match="not simulated"):
        price_on_board(replace(profile_of({}), events=None), NOP, load_board(L4))


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
def test_every_board_has_a_memory_system_at_its_clock(board) -> None:  # noqa: ANN001 - a board
    system = load_memory_system(board)
    assert isinstance(system, MemorySystem)
    assert (system.hierarchy is None) == (system.name == IDEAL)


def test_lower_clocks_need_fewer_wait_states() -> None:
    board = load_board(L4)
    states = [
        load_memory_system(at_operating_point(board, clock_hz=mhz * 10**6)).wait_states for mhz in (16, 20, 21, 120)
    ]
    assert states == [0, 0, 1, 5]


def test_a_clock_that_the_flash_cannot_follow_is_refused() -> None:
    board = at_operating_point(load_board(L4), clock_hz=121_000_000)
    with pytest.raises(DataFileError, match="no wait states are known for 121000000 Hz"):
        load_memory_system(board)
    assert load_memory_system(replace(board, wait_states=6)).wait_states == 6


def test_an_unknown_memory_system_is_refused() -> None:
    with pytest.raises(DataFileError, match="unknown memory system 'core-rope'"):
        load_memory_system(at_operating_point(load_board(L4), memory="core-rope"))
    assert IDEAL in memory_system_names()


def test_power_follows_the_clock() -> None:
    board = load_board(L4)
    slow = at_operating_point(board, clock_hz=board.clock_hz // 2)
    assert slow.active_power_mw == pytest.approx(board.active_power_mw / 2)
    assert slow.sources["active_power_mw"].startswith("inferred: scaled with the clock")
    assert at_operating_point(board) == board
