"""The counter alone, fed with blocks by hand: the counts must not depend on how code is cut into blocks."""

import ctypes
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.engines.counting.counting import BlockCounter, Cause, Counting

BASE = 0x08000100
NOP = bytes.fromhex("00bf")
WIDE_NOP = bytes.fromhex("aff30080")
STOP_TYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
CALLBACK_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)


class Feeder:
    """Plays the emulator."""

    def __init__(
        self, code: bytes, phases: tuple[int, ...] = (), fault: int | None = None, budget: int = 10**6
    ) -> None:
        self.stops = 0
        self._stop = STOP_TYPE(self._on_stop)
        task = Counting(BASE, code, BASE, phases, fault, budget)
        self.counter = BlockCounter(task, ctypes.cast(self._stop, ctypes.c_void_p).value or 0)
        self._callback = CALLBACK_TYPE(self.counter.callback)

    def _on_stop(self, _: int) -> int:
        self.stops += 1
        return 0

    def block(self, first: int, last: int) -> None:
        """Enter a block of the halfwords [first, last)."""
        self._callback(None, BASE + 2 * first, 2 * (last - first), self.counter.state_address)

    def finish(self, halfword: int) -> Profile:
        """End the run before a halfword."""
        self.counter.finish(BASE + 2 * halfword)
        return self.counter.profile()


def test_the_example_of_the_counts() -> None:
    feeder = Feeder(NOP * 6)
    for block in [(0, 2), (2, 5), (2, 5), (2, 5), (5, 6)]:
        feeder.block(*block)
    profile = feeder.counter.profile()
    assert profile.executed.tolist() == [[1, 1, 3, 3, 3, 1]]
    assert profile.taken.tolist() == [[0, 0, 0, 0, 2, 0]]


def reference(runs: list[tuple[int, int]], lengths: list[int]) -> tuple[list[int], list[int]]:
    """Executions and exits per halfword of straight runs of instructions, counted one by one."""
    starts = np.cumsum([0, *lengths]).tolist()
    executed, taken = [0] * starts[-1], [0] * starts[-1]
    for index, (first, last) in enumerate(runs):
        for instruction in range(first, last):
            executed[starts[instruction]] += 1
        if index + 1 < len(runs) and runs[index + 1][0] != last:
            taken[starts[last - 1]] += 1
    return executed, taken


@settings(deadline=None)
@given(data=st.data())
def test_counts_do_not_depend_on_how_blocks_are_cut(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.sampled_from([1, 2]), min_size=2, max_size=30))
    code = b"".join(NOP if length == 1 else WIDE_NOP for length in lengths)
    starts = np.cumsum([0, *lengths]).tolist()
    count = len(lengths)
    edges = st.tuples(st.integers(0, count - 1), st.integers(1, count)).filter(lambda edge: edge[0] < edge[1])
    runs = data.draw(st.lists(edges, min_size=1, max_size=12))
    feeder = Feeder(code)
    runs[0] = (0, max(runs[0][1], 1))
    for first, last in runs:
        cuts = data.draw(st.sets(st.integers(first, last), max_size=4))
        borders = sorted({first, last} | cuts)
        for begin, end in pairwise(borders):
            feeder.block(starts[begin], starts[end])
    profile = feeder.finish(starts[runs[-1][1]])
    executed, taken = reference(runs, lengths)
    assert profile.executed[0].tolist() == executed
    assert profile.taken[0].tolist() == taken
    assert profile.instructions == sum(last - first for first, last in runs)


def test_a_phase_takes_the_block_and_leaves_the_jump_to_its_predecessor() -> None:
    feeder = Feeder(NOP * 10, phases=(BASE + 2 * 6, BASE + 2 * 2))
    for block in ((0, 2), (6, 8), (6, 8), (2, 4), (6, 8)):
        feeder.block(*block)
    profile = feeder.finish(9)
    assert profile.executed[:, [0, 2, 6]].tolist() == [[1, 0, 0], [0, 0, 2], [0, 1, 1]]
    assert profile.taken[:, [1, 3, 7]].tolist() == [[1, 0, 0], [0, 0, 2], [0, 1, 1]]


def test_the_rest_of_a_block_that_was_left_early_does_not_count() -> None:
    feeder = Feeder(NOP * 10)
    feeder.block(0, 6)
    profile = feeder.finish(4)
    assert profile.executed[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert not profile.taken.any()


@pytest.mark.parametrize(
    ("block", "cause", "address"),
    [
        ((4, 6), Cause.FAULT_SYMBOL, BASE + 8),
        ((10, 12), Cause.NOT_CODE, BASE + 20),
        ((-3, -1), Cause.NOT_CODE, BASE - 6),
    ],
)
def test_it_stops_the_engine(block: tuple[int, int], cause: Cause, address: int) -> None:
    feeder = Feeder(NOP * 10, fault=BASE + 8)
    feeder.block(0, 2)
    assert (feeder.stops, feeder.counter.cause) == (0, Cause.RUNNING)
    feeder.block(*block)
    assert (feeder.stops, feeder.counter.cause, feeder.counter.stopped_at) == (1, cause, address)
    feeder.block(0, 2)
    assert feeder.stops == 2
    assert feeder.counter.profile().instructions == 2


def test_a_block_that_runs_out_of_the_code_is_cut_off() -> None:
    feeder = Feeder(NOP * 4)
    feeder.block(0, 7)
    feeder.block(7, 9)
    assert feeder.counter.cause is Cause.NOT_CODE
    assert feeder.counter.profile().executed[0].tolist() == [1, 1, 1, 1]


def test_the_budget_stops_within_one_block_of_twice_its_halfwords() -> None:
    feeder = Feeder(NOP * 10, budget=10)
    for _ in range(5):
        feeder.block(0, 5)
    assert feeder.counter.cause is Cause.RUNNING
    assert feeder.counter.executed_halfwords == 25
    feeder.block(0, 5)
    assert feeder.counter.cause is Cause.BUDGET
