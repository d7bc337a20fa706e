"""Order and offsets together."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_benchmark.fixture import BenchmarkFixture

from costmodel.errors import PlanError
from costmodel.memory import plan_memory
from costmodel.memory.alternatives import orders_below
from costmodel.memory.plan import MemoryProblem, Step

GAP = [(0, 1, 3), (1, 4, 2), (2, 4, 1), (3, 4, 3), (1, 3, 2), (3, 6, 1), (4, 7, 3), (2, 3, 2), (5, 6, 3), (0, 2, 3)]
"""Buffers (start, end, size) whose load is 7 and whose smallest height is 8."""


def in_one_order(lives: list[tuple[int, int, int]]) -> MemoryProblem:
    """Buffers with the given lives: empty tokens chain the steps."""
    count = max(end for _, end, _ in lives)
    steps = [
        Step(
            f"s{now}",
            (f"token{now}", *(f"b{i}" for i, (start, end, _) in enumerate(lives) if start < now == end - 1)),
            (f"token{now + 1}", *(f"b{i}" for i, (start, _, _) in enumerate(lives) if start == now)),
        )
        for now in range(count)
    ]
    sizes = {f"token{now}": 0 for now in range(count + 1)} | {f"b{i}": size for i, (_, _, size) in enumerate(lives)}
    return MemoryProblem(sizes, tuple(steps), ("token0",), (f"token{count}",), {name: name for name in sizes})


def residual_network(operators: int = 20) -> MemoryProblem:
    """A small network as the search proposes them: convolutions, a skip every fourth operator, scratch."""
    sizes, steps, skip = {"t0": 1024}, [], "t0"
    for i in range(operators):
        sizes[f"t{i + 1}"] = 256 * (1 + (i * 7) % 11)
        joins = i % 4 == 3
        steps.append(Step(f"op{i}", (f"t{i}", skip) if joins else (f"t{i}",), (f"t{i + 1}",), 0 if joins else 144))
        skip = f"t{i + 1}" if joins else skip
    return MemoryProblem(sizes, tuple(steps), ("t0",), (f"t{operators}",), {name: name for name in sizes})


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_plans_are_proven_and_repeat_byte_for_byte(
    data: st.DataObject, problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(problems)
    plan = plan_memory(problem)
    assert plan.proven
    assert plan.offset_of_tensor.keys() == problem.sizes_bytes.keys()
    assert repr(plan_memory(replace(problem))) == repr(plan)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_without_budget_plans_are_valid_and_honest(
    data: st.DataObject, problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(problems)
    plan = plan_memory(problem, order_nodes=0, placement_nodes=0)
    best = plan_memory(problem)
    assert plan.lower_bound_bytes <= best.arena_bytes <= plan.arena_bytes


def test_where_no_order_places_at_its_peak_the_bound_rises() -> None:
    plan = plan_memory(in_one_order(GAP))
    assert plan.peak_live_bytes == 7
    assert plan.arena_bytes == plan.lower_bound_bytes == 8


def test_alternatives_are_all_orders_below_the_limit() -> None:
    steps = (Step("a", ("x",), ("p",)), Step("b", ("x",), ("q",)), Step("c", ("p", "q"), ("y",)))
    problem = MemoryProblem({"x": 4, "p": 40, "q": 8, "y": 4}, steps, ("x",), ("y",))
    listed = [tuple(step.name for step in order or ()) for order in orders_below(problem, 53, 100)]
    assert listed == [("a", "b", "c"), ("b", "a", "c")]
    assert not list(orders_below(problem, 52, 100))
    assert list(orders_below(problem, 53, 3))[-1] is None


def test_no_steps_and_no_bytes() -> None:
    plan = plan_memory(MemoryProblem({"x": 12}, (), ("x",), ("x",), {"x": "x", "x.flat": "x"}))
    assert (plan.arena_bytes, plan.peak_live_bytes, plan.peak_step, plan.proven) == (12, 12, "", True)
    assert plan.offset_of_tensor == {"x": 0, "x.flat": 0}
    assert plan_memory(MemoryProblem({}, (), (), ())).arena_bytes == 0


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (MemoryProblem({"x": 4}, (Step("a", ("y",), ()),), ("x",), ()), "reads 'y'"),
        (MemoryProblem({"x": 4}, (Step("a", (), ("x",)),), ("x",), ()), "already written"),
        (MemoryProblem({"x": 4}, (Step("a", (), ()), Step("a", (), ())), ("x",), ()), "two of the steps"),
        (MemoryProblem({"x": -4}, (), ("x",), ()), "negative"),
        (MemoryProblem({"x": 4}, (Step("a", (), (), -8),), ("x",), ()), "negative"),
        (
            MemoryProblem({"x": 4, "a.scratch": 4}, (Step("a", (), (), 8),), ("x", "a.scratch"), ()),
            "two of the buffers",
        ),
        (MemoryProblem({"x": 4, "y": 4}, (), ("x",), ()), "y: is without a size, or is never written"),
        (MemoryProblem({"x": 4}, (), ("x",), ("z",)), "z: is without a size, or is never written"),
    ],
)
def test_contradictory_problems_are_refused(problem: MemoryProblem, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan_memory(problem)


def test_a_very_long_chain_is_planned() -> None:
    count = 20_000
    steps = tuple(Step(f"s{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(count))
    problem = MemoryProblem({f"t{i}": 4 * (1 + i % 5) for i in range(count + 1)}, steps, ("t0",), (f"t{count}",))
    assert plan_memory(problem).peak_live_bytes == 36


def test_time_of_a_plan_of_twenty_operators(benchmark: BenchmarkFixture) -> None:
    assert benchmark(plan_memory, residual_network()).proven
