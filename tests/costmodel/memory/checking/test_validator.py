"""Every kind of broken plan is refused, with its reason."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.memory import plan_memory
from sparse_mcu.costmodel.memory.checking.validator import check_placement, check_plan
from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryPlan, MemoryProblem, Overlap, Part, Step

PROBLEM = MemoryProblem(
    sizes_bytes={"in": 8, "left": 16, "right": 12, "out": 4},
    steps=(
        Step("split", ("in",), ("left",), 8),
        Step("other", ("in",), ("right",)),
        Step("join", ("left", "right"), ("out",)),
    ),
    inputs=("in",),
    outputs=("out",),
    buffer_of={"in": "in", "in.flat": "in", "left": "left", "right": "right", "out": "out"},
)
PLAN = plan_memory(PROBLEM)


def resized(plan: MemoryPlan, name: str, **changes: int) -> MemoryPlan:
    return replace(plan, buffers=tuple(replace(b, **changes) if b.name == name else b for b in plan.buffers))


def moved(plan: MemoryPlan, name: str, offset: int) -> MemoryPlan:
    return replace(plan, offsets={**plan.offsets, name: offset})


def upper(plan: MemoryPlan) -> str:
    """Of the two buffers that `join` reads, the higher one."""
    return max(("left", "right"), key=lambda name: plan.offsets[name])


BROKEN: dict[str, tuple[Callable[[MemoryPlan], MemoryPlan], str]] = {
    "a step is missing": (lambda p: replace(p, schedule=p.schedule[:-1]), "every step exactly once"),
    "a step runs twice": (lambda p: replace(p, schedule=(*p.schedule, "join")), "every step exactly once"),
    "an unknown step": (lambda p: replace(p, schedule=("split", "other", "jion")), "every step exactly once"),
    "a step runs too early": (lambda p: replace(p, schedule=("split", "join", "other")), "runs before 'right'"),
    "another legal order": (lambda p: replace(p, schedule=(p.schedule[1], p.schedule[0], "join")), "lifetime"),
    "a buffer dies early": (lambda p: resized(p, "left", end=2), "lifetime"),
    "a buffer is born late": (lambda p: resized(p, "in", start=1), "lifetime"),
    "an output dies": (lambda p: resized(p, "out", end=2), "lifetime"),
    "a buffer shrinks": (lambda p: resized(p, "right", size_bytes=8), "size"),
    "scratch is forgotten": (lambda p: replace(p, buffers=p.buffers[:-1]), "missing"),
    "a buffer is listed twice": (lambda p: replace(p, buffers=(*p.buffers, p.buffers[0])), "missing"),
    "no offset": (lambda p: replace(p, offsets={k: v for k, v in p.offsets.items() if k != "in"}), "offsets"),
    "two buffers share bytes": (lambda p: moved(p, "right", p.offsets["left"]), "shares bytes"),
    "scratch shares bytes": (lambda p: moved(p, "split.scratch", p.offsets["left"] + 4), "shares bytes"),
    "one byte of overlap": (lambda p: moved(p, upper(p), p.offsets[upper(p)] - 1), "shares bytes"),
    "below the arena": (lambda p: moved(p, "out", -4), "outside the arena"),
    "above the arena": (lambda p: moved(p, "out", p.arena_bytes - 3), "outside the arena"),
    "the arena is too small": (lambda p: replace(p, arena_bytes=p.arena_bytes - 1), "outside the arena"),
    "another peak": (lambda p: replace(p, peak_live_bytes=p.peak_live_bytes - 4), "the peak is"),
    "another peak step": (lambda p: replace(p, peak_step="split"), "the peak is"),
    "no such peak step": (lambda p: replace(p, peak_step=""), "the peak is"),
    "the bound is above": (lambda p: replace(p, lower_bound_bytes=p.arena_bytes + 4), "lower bound"),
    "a negative bound": (lambda p: replace(p, lower_bound_bytes=-1), "lower bound"),
    "a tensor elsewhere": (
        lambda p: replace(p, offset_of_tensor={**p.offset_of_tensor, "in.flat": 4}),
        "where its buffer",
    ),
    "a tensor is missing": (lambda p: replace(p, offset_of_tensor={}), "where its buffer"),
}


CHAIN = MemoryProblem(
    sizes_bytes={"in": 16, "mid": 12, "joint": 16},
    steps=(
        Step("first", ("in",), ("mid",), 0, {"in": 4}),
        Step("second", ("mid",), ("low",), 0, {"mid": 4}),
        Step("third", (), ("top",)),
    ),
    inputs=("in",),
    outputs=("low", "top"),
    buffer_of={"in": "in", "mid": "mid", "low": "low", "top": "top", "all": "low"},
    parts={"low": Part("joint", 0, 8), "top": Part("joint", 8, 8)},
)
"""Its plan has to overlap, by exactly the distances, in three buffers one below the other."""


CHAINED = plan_memory(CHAIN)
BROKEN_CHAIN: dict[str, tuple[Callable[[MemoryPlan], MemoryPlan], str]] = {
    "one byte too deep": (lambda p: moved(p, "mid", p.offsets["mid"] - 1), "'joint' while both"),
    "one byte too high": (lambda p: moved(p, "mid", p.offsets["mid"] + 1), "'mid' while both"),
    "the output above the start": (lambda p: moved(p, "joint", p.offsets["mid"] + 4), "'joint' while both"),
    "overlaps are not listed": (lambda p: replace(p, overlaps=p.overlaps[:1]), "may overlap"),
    "a deeper one is listed": (
        lambda p: replace(p, overlaps=(replace(p.overlaps[0], distance_bytes=0), *p.overlaps[1:])),
        "may overlap",
    ),
    "an overlap is listed twice": (lambda p: replace(p, overlaps=(*p.overlaps, p.overlaps[0])), "may overlap"),
    "shared bytes count twice": (lambda p: replace(p, peak_live_bytes=28), "the peak is"),
    "a part is at the start": (
        lambda p: replace(p, offset_of_tensor={**p.offset_of_tensor, "top": p.offsets["joint"]}),
        "where its buffer",
    ),
    "the joint buffer is born late": (lambda p: resized(p, "joint", start=2), "lifetime"),
}


def test_the_overlapped_plan_passes() -> None:
    check_plan(CHAIN, CHAINED)
    assert CHAINED.schedule == ("first", "second", "third")
    assert CHAINED.offsets == {"joint": 0, "mid": 4, "in": 8}
    assert CHAINED.arena_bytes == CHAINED.lower_bound_bytes == 24
    assert CHAINED.offset_of_tensor["top"] == 8


@pytest.mark.parametrize("kind", BROKEN_CHAIN)
def test_refuses_overlaps_and_parts(kind: str) -> None:
    corrupt, reason = BROKEN_CHAIN[kind]
    broken = corrupt(CHAINED)
    assert broken != CHAINED
    with pytest.raises(PlanError, match=reason):
        check_plan(CHAIN, broken)


def test_a_dying_buffer_spares_all_but_its_heir() -> None:
    buffers = [Buffer("x", 4, 0, 1), Buffer("y", 4, 0, 2), Buffer("other", 4, 0, 2), Buffer("brief", 4, 0, 1)]
    pairs = [Overlap("x", "y", 0)]
    check_placement(buffers, {"x": 0, "y": 0, "other": 4, "brief": 8}, 12, pairs)
    for name, offset in {"other": 0, "brief": 3, "y": 1}.items():
        with pytest.raises(PlanError, match="while both are live"):
            check_placement(buffers, {"x": 0, "y": 0, "other": 4, "brief": 8, name: offset}, 12, pairs)


def test_a_dying_buffer_is_held_against_what_lies_below_it() -> None:
    """The lowest of all neighbours, too: touching is allowed, one byte further down is not."""
    buffers = [Buffer("x", 4, 0, 1), Buffer("y", 4, 0, 2), Buffer("other", 4, 0, 2)]
    pairs = [Overlap("x", "y", 0)]
    check_placement(buffers, {"other": 0, "x": 4, "y": 8}, 12, pairs)
    with pytest.raises(PlanError, match="while both are live"):
        check_placement(buffers, {"other": 0, "x": 3, "y": 8}, 12, pairs)
    with pytest.raises(PlanError, match="'other' while both are live"):
        check_placement(buffers, {"x": 0, "other": 2, "y": 8}, 12, pairs)


def test_a_tensor_may_begin_behind_its_value() -> None:
    problem = replace(PROBLEM, shifts={"in.flat": 4})
    plan = plan_memory(problem)
    assert plan.offset_of_tensor["in.flat"] == plan.offsets["in"] + 4
    with pytest.raises(PlanError, match="where its buffer"):
        check_plan(problem, replace(plan, offset_of_tensor={**plan.offset_of_tensor, "in.flat": plan.offsets["in"]}))


def test_pixels_must_be_as_far_apart_as_the_problem_says() -> None:
    with pytest.raises(PlanError, match="pixels"):
        check_plan(PROBLEM, replace(PLAN, pitch_of_tensor={"left": 8}))


def test_a_step_cannot_read_what_it_writes() -> None:
    step = Step("s", ("x", "y"), ("y",))
    problem = MemoryProblem(sizes_bytes={"x": 4, "y": 4}, steps=(step,), inputs=("x",), outputs=("y",))
    plan = plan_memory(replace(problem, steps=(replace(step, inputs=("x",)),)))
    with pytest.raises(PlanError, match="runs before 'y' is written"):
        check_plan(problem, plan)


def test_a_plan_without_steps_holds_its_inputs() -> None:
    problem = MemoryProblem(sizes_bytes={"x": 8}, steps=(), inputs=("x",), outputs=("x",))
    plan = plan_memory(problem)
    assert (plan.arena_bytes, plan.peak_live_bytes, plan.peak_step) == (8, 8, "")
    with pytest.raises(PlanError, match="the peak is 8"):
        check_plan(problem, replace(plan, peak_live_bytes=4))


def test_an_output_that_may_not_be_overlapped_spares_no_other() -> None:
    """Of two inputs of the last step the first survives it, the second may be overlapped."""
    problem = MemoryProblem(
        sizes_bytes={"kept": 4, "dying": 4, "sum": 4},
        steps=(Step("add", ("kept", "dying"), ("sum",), 0, {"kept": 0, "dying": 0}),),
        inputs=("kept", "dying"),
        outputs=("kept", "sum"),
    )
    plan = plan_memory(problem)
    assert plan.overlaps == (Overlap("dying", "sum", 0),)
    assert plan.arena_bytes == plan.lower_bound_bytes == 8


def test_a_distance_of_the_whole_output_shares_nothing() -> None:
    problem = MemoryProblem(
        sizes_bytes={"x": 4, "y": 8}, steps=(Step("s", ("x",), ("y",), 0, {"x": 8}),), inputs=("x",), outputs=("y",)
    )
    plan = plan_memory(problem)
    assert plan.arena_bytes == plan.peak_live_bytes == 12


def test_an_early_output_lives_to_the_end() -> None:
    problem = MemoryProblem(
        sizes_bytes={"x": 4, "early": 8, "late": 8},
        steps=(Step("a", ("x",), ("early",)), Step("b", ("x",), ("late",))),
        inputs=("x",),
        outputs=("early", "late"),
    )
    plan = plan_memory(problem)
    first = plan.schedule[0] == "b"
    with pytest.raises(PlanError, match="lifetime"):
        check_plan(problem, resized(plan, "late" if first else "early", end=1))


def test_nothing_overlaps_as_new_what_holds_an_input() -> None:
    """`joint` holds an input from the start, so the step that writes the rest of it is not the first to use it."""
    problem = MemoryProblem(
        sizes_bytes={"x": 4, "joint": 8},
        steps=(Step("s", ("x",), ("high",), 0, {"x": 0}),),
        inputs=("x", "low"),
        outputs=("low", "high"),
        parts={"low": Part("joint", 0, 4), "high": Part("joint", 4, 4)},
    )
    plan = plan_memory(problem)
    assert (plan.overlaps, plan.arena_bytes) == ((), 12)


def test_buffers_may_come_one_by_one() -> None:
    buffers = [Buffer("x", 4, 0, 1), Buffer("y", 4, 0, 1)]
    check_placement(iter(buffers), {"x": 0, "y": 4}, 8)
    with pytest.raises(PlanError, match="shares bytes"):
        check_placement(iter(buffers), {"x": 0, "y": 3}, 8)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_the_sweep_equals_the_pairwise_definition_with_overlap(
    data: st.DataObject, overlapped_buffers: st.SearchStrategy[tuple[list[Buffer], list[Overlap]]]
) -> None:
    buffers, overlaps = data.draw(overlapped_buffers)
    at = {buffer.name: data.draw(st.integers(0, 8)) for buffer in buffers}
    distances = {(pair.dying, pair.output): pair.distance_bytes for pair in overlaps}
    collide = any(
        a.start < b.end
        and b.start < a.end
        and at[a.name] < at[b.name] + b.size_bytes
        and at[b.name] < at[a.name] + a.size_bytes
        and at[a.name] - at[b.name] < distances.get((a.name, b.name), 99)
        and at[b.name] - at[a.name] < distances.get((b.name, a.name), 99)
        for a, b in combinations(buffers, 2)
    )
    with pytest.raises(PlanError, match="shares bytes") if collide else nullcontext():
        check_placement(buffers, at, 100, overlaps)


def test_the_plan_itself_passes() -> None:
    check_plan(PROBLEM, PLAN)
    assert PLAN.arena_bytes == PLAN.lower_bound_bytes == 36
    assert PLAN.offset_of_tensor["in.flat"] == PLAN.offsets["in"]


@pytest.mark.parametrize("kind", BROKEN)
def test_refuses(kind: str) -> None:
    corrupt, reason = BROKEN[kind]
    broken = corrupt(PLAN)
    assert broken != PLAN
    with pytest.raises(PlanError, match=reason):
        check_plan(PROBLEM, broken)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_sweep_equals_the_pairwise_definition(
    data: st.DataObject, buffer_lists: st.SearchStrategy[list[Buffer]]
) -> None:
    buffers = data.draw(buffer_lists)
    offsets = {buffer.name: data.draw(st.integers(0, 40)) for buffer in buffers}
    collide = any(
        a.name < b.name
        and a.start < b.end
        and b.start < a.end
        and max(offsets[a.name], offsets[b.name]) < min(offsets[a.name] + a.size_bytes, offsets[b.name] + b.size_bytes)
        for a in buffers
        for b in buffers
    )
    with pytest.raises(PlanError, match="shares bytes") if collide else nullcontext():
        check_placement(buffers, offsets, 100)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_one_byte_less_is_refused_for_every_plan(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(overlapping_problems)
    plan = plan_memory(problem)
    with pytest.raises(PlanError, match=r"outside the arena|lower bound"):
        check_plan(problem, replace(plan, arena_bytes=plan.arena_bytes - 1))
