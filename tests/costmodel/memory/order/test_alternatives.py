"""All orders below a peak, against all orders."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.order.alternatives import MOST_STEPS, orders_below
from sparse_mcu.costmodel.memory.order.schedule import peak_of

NODES = 10**6


def orders(problem: MemoryProblem, done: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Every order in which steps read what was written."""
    if len(done) == len(problem.steps):
        yield done
    written = {*problem.inputs, *(name for step in done for name in step.outputs)}
    for step in problem.steps:
        if step not in done and written.issuperset(step.inputs):
            yield from orders(problem, (*done, step))


def names(order: tuple[Step, ...] | None) -> tuple[str, ...]:
    """Of steps; of None, which says that there may be more orders, no names."""
    return tuple(step.name for step in order or ())


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_they_are_exactly_the_orders_below_the_limit(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(overlapping_problems.filter(lambda each: len(each.steps) <= 5))
    peaks = {names(order): peak_of(problem, order) for order in orders(problem)}
    limit = data.draw(st.sampled_from(sorted({*peaks.values(), max(peaks.values()) + 1})))
    listed = [names(order) for order in orders_below(problem, limit, NODES)]
    assert len(listed) == len({*listed})
    assert {*listed} == {order for order, peak in peaks.items() if peak < limit}
    cut = [names(order) for order in orders_below(problem, limit, data.draw(st.integers(0, 12)))]
    assert cut == listed or cut == [*listed[: len(cut) - 1], ()]


def test_of_a_long_problem_none_are_listed_and_that_is_said() -> None:
    steps = tuple(Step(f"s{i}", (f"t{i}",), (f"t{i + 1}",)) for i in range(MOST_STEPS + 1))
    problem = MemoryProblem({f"t{i}": 4 for i in range(MOST_STEPS + 2)}, steps, ("t0",), (f"t{MOST_STEPS + 1}",))
    assert [*orders_below(problem, 100, NODES)] == [None]


def test_what_nobody_reads_is_live_in_the_first_step() -> None:
    steps = (Step("large", ("x",), ("p",)), Step("small", ("x",), ("q",)))
    problem = MemoryProblem({"x": 4, "idle": 8, "p": 16, "q": 4}, steps, ("x", "idle"), ("q",))
    assert [names(order) for order in orders_below(problem, 28, NODES)] == [("small", "large")]
    assert [names(order) for order in orders_below(problem, 29, NODES)] == [("large", "small"), ("small", "large")]
