"""Peaks, conflicts, savings and drawings say what the plan says."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory import plan_memory
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.placement.placement import place
from sparse_mcu.costmodel.memory.planning.explain import (
    Saving,
    SharedBytes,
    irreducible_conflict,
    peak_of,
    savings_of,
    shared_regions,
)

PROBLEM = MemoryProblem(
    sizes_bytes={"in": 16, "mid": 12, "skip": 4, "out": 4},
    steps=(
        Step("first", ("in",), ("mid",), 8, {"in": 4}),
        Step("second", ("mid",), ("skip",)),
        Step("third", ("mid", "skip"), ("out",), 0, {"skip": 0}),
    ),
    inputs=("in",),
    outputs=("out",),
    buffer_of={"in": "in", "in.flat": "in", "mid": "mid", "skip": "skip", "out": "out"},
)
PLAN = plan_memory(PROBLEM)


def test_the_peak_names_step_buffers_and_tensors() -> None:
    peak = peak_of(PLAN)
    assert (peak.index, PLAN.peak_step, PLAN.peak_live_bytes) == (0, "first", 28)
    assert [buffer.name for buffer in peak.buffers] == ["in", "mid", "first.scratch"]
    assert sum(buffer.size_bytes for buffer in peak.buffers) - peak.shared_bytes == PLAN.peak_live_bytes
    assert peak.tensors == {"in": ("in", "in.flat"), "mid": ("mid",), "first.scratch": ()}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_conflict_does_not_fit_and_everything_smaller_does(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    plan = plan_memory(data.draw(overlapping_problems))
    capacity = data.draw(st.integers(0, max(plan.arena_bytes - 1, 0)))
    conflict, is_irreducible = irreducible_conflict(plan, capacity)
    assert is_irreducible

    def height(names: set[str]) -> int:
        pairs = [pair for pair in plan.overlaps if {pair.dying, pair.output} <= names]
        return place([buffer for buffer in conflict if buffer.name in names], pairs).height_bytes

    names = {buffer.name for buffer in conflict}
    assert bool(conflict) == (plan.arena_bytes > capacity)
    assert not conflict or height(names) > capacity
    assert all(height(fewer) <= capacity for name in names for fewer in [names - {name}])


def test_what_fits_has_no_conflict() -> None:
    assert irreducible_conflict(PLAN, PLAN.arena_bytes) == ((), True)


def test_a_lever_that_costs_is_planned_with_the_kernels_of_now() -> None:
    def arena_of(levers: Levers) -> int:
        return 100 + 5 * levers.overlap - 10 * levers.streaming

    turned: list[Levers] = []

    def kept_of(levers: Levers) -> int:
        turned.append(levers)
        return 110

    found = {saving.lever: saving for saving in savings_of(arena_of, ALL, kept_of)}
    assert turned == [replace(ALL, overlap=False)]
    assert found["overlap"] == Saving("overlap", is_on=True, off_bytes=100, on_bytes=105, kept_bytes=110)
    assert found["streaming"] == Saving("streaming", is_on=False, off_bytes=105, on_bytes=95)


def test_shared_regions_are_where_two_live_buffers_overlap() -> None:
    life = {buffer.name: buffer for buffer in PLAN.buffers}
    low, high = PLAN.offsets["in"], PLAN.offsets["mid"] + life["mid"].size_bytes
    assert SharedBytes("in", "mid", 0, low, high) in shared_regions(PLAN)
    assert all(each.low < each.high for each in shared_regions(PLAN))
