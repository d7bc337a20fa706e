"""Sets of executed steps, and how steps come into order."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.order.dag import Dag, floor_of, in_topological_order, segments_of, whole
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, loads, overlaps_of


def is_ordered(steps: tuple[Step, ...]) -> bool:
    """Whether no step reads what a later one writes."""
    at = {name: index for index, step in enumerate(steps) for name in step.outputs}
    return all(at.get(name, -1) < index for index, step in enumerate(steps) for name in step.inputs)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_steps_come_behind_what_they_read(data: st.DataObject, problems: st.SearchStrategy[MemoryProblem]) -> None:
    steps = data.draw(problems).steps
    assert in_topological_order(steps) == steps
    mixed = tuple(data.draw(st.permutations(steps)))
    assert is_ordered(in_topological_order(mixed))
    assert sorted(step.name for step in in_topological_order(mixed)) == sorted(step.name for step in steps)


def test_of_the_ready_steps_the_first_given_comes_first_and_a_cycle_last() -> None:
    steps = (
        Step("loop", ("q",), ("p",)),
        Step("back", ("p",), ("q",)),
        Step("late", ("x", "y"), ()),
        Step("free", (), ()),
        Step("early", (), ("x", "y")),
    )
    assert [step.name for step in in_topological_order(steps)] == ["free", "early", "late", "loop", "back"]


def live_bytes(dags: list[Dag]) -> list[int]:
    """During each step, if they run as given."""
    live = []
    for dag in dags:
        before, executed = dag.held, 0
        for step in range(len(dag.steps)):
            live.append(before + dag.claim(step, executed) + (0 if executed else dag.unread))
            executed |= 1 << step
            before += dag.growth(step, executed)
    return live


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_segments_count_the_same_bytes_as_lifetimes(
    data: st.DataObject, overlapping_problems: st.SearchStrategy[MemoryProblem]
) -> None:
    problem = data.draw(overlapping_problems)
    buffers = lifetimes(problem, problem.steps)
    live = loads(buffers, len(problem.steps), overlaps_of(problem, problem.steps, buffers))
    segments = segments_of(problem)
    assert tuple(step for dag in segments for step in dag.steps) == problem.steps
    assert live_bytes(segments) == live_bytes([whole(problem)]) == live
    assert floor_of(problem) <= max(live)


def test_no_step_can_leave_its_segment() -> None:
    """However the steps are mixed, those of a segment stay together."""
    for seed in range(30):
        random = Random(seed)  # noqa: S311 - no secret
        steps, names = list[Step](), ["t0"]
        for index in range(9):
            reads = (names[-1],) if random.random() < 0.5 else tuple(random.sample(names, min(2, len(names))))
            steps.append(Step(f"s{index}", reads, (f"t{index + 1}",)))
            names.append(f"t{index + 1}")
        problem = MemoryProblem(dict.fromkeys(names, 4), tuple(steps), ("t0",), (names[-1],))
        segment_of = {step.name: at for at, dag in enumerate(segments_of(problem)) for step in dag.steps}
        mixed = in_topological_order(random.sample(steps, len(steps)))
        places = [segment_of[step.name] for step in mixed]
        assert places == sorted(places)
