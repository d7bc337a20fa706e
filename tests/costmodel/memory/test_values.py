"""Concats and Slices as views: who lies where in whom."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import PlanError
from costmodel.graph.graph import Graph
from costmodel.graph.operators import Clamp, Concat, Operator, Requantize, Reshape, Slice
from costmodel.graph.requantization import Rescale
from costmodel.graph.tensor import Quantization, Tensor
from costmodel.memory import ALL, plan_graph, plan_memory, problem_of
from costmodel.memory.floors import floor_of_choices
from costmodel.memory.plan import KernelContract, MemoryProblem, Part, Step
from costmodel.memory.planner import MOST_CHOICES
from costmodel.memory.problem import check_problem, viewable
from costmodel.memory.validator import check_plan
from costmodel.memory.values import values_of

RESCALE = Rescale(np.array([1 << 30], np.int32), 0)
AXIS = 3


class Net:
    """A graph of maps of four pixels."""

    def __init__(self) -> None:
        self.tensors = {"x": Tensor("x", (1, 2, 2, 4), Quantization(1.0, 0))}
        self.operators: list[Operator] = []

    def copy(self, source: str, name: str, channels: int) -> str:
        """An operator that somehow makes `channels` of them."""
        operator = Requantize(name=f"to {name}", inputs=(source,), output=name, rescale=RESCALE, clamp=Clamp())
        return self._add(operator, (*self.tensors[source].shape[:-1], channels))

    def concat(self, sources: tuple[str, ...], name: str, axis: int = AXIS) -> str:
        """Joined along an axis."""
        shape = list(self.tensors[sources[0]].shape)
        shape[axis] = sum(self.tensors[source].shape[axis] for source in sources)
        return self._add(Concat(name=f"to {name}", inputs=sources, output=name, axis=axis), tuple(shape))

    def slice(self, source: str, name: str, starts: tuple[int, ...], extents: tuple[int, ...], step: int = 1) -> str:
        """Some rows, columns, channels."""
        steps = tuple(step if extent > 1 else 1 for extent in extents)
        operator = Slice(name=f"to {name}", inputs=(source,), output=name, starts=starts, steps=steps)
        return self._add(operator, extents)

    def _add(self, operator: Operator, shape: tuple[int, ...]) -> str:
        self.operators.append(operator)
        self.tensors[operator.output] = Tensor(operator.output, shape, Quantization(1.0, 0))
        return operator.output

    def graph(self, *outputs: str) -> Graph:
        """With these outputs."""
        return Graph("test", "0" * 64, self.tensors, tuple(self.operators), ("x",), outputs)


def contracts_of(graph: Graph, *without: str) -> dict[str, KernelContract]:
    """Kernels that take a pitch, but for those that make the tensors `without`."""
    return {each.name: KernelContract(takes_pitch=each.output not in without) for each in graph.operators}


def nested() -> Graph:
    """((a, b), c) of 3 + 2 + 1 channels, and a reader of them all."""
    net = Net()
    inner = net.concat((net.copy("x", "a", 3), net.copy("x", "b", 2)), "ab")
    outer = net.concat((inner, net.copy("x", "c", 1)), "abc")
    net.copy(outer, "y", 2)
    return net.graph("y")


def test_channels_lie_between_those_of_others() -> None:
    problem = problem_of(nested(), contracts_of(nested()))
    assert problem.parts == {
        "a": Part("abc", 0, 12, 3, 6),
        "b": Part("abc", 3, 8, 2, 6),
        "c": Part("abc", 5, 4, 1, 6),
    }
    assert [part.end_bytes for part in problem.parts.values()] == [21, 23, 24]
    assert problem.pitch_of_tensor == {"a": 6, "b": 6, "c": 6}
    assert problem.sizes_bytes == {"x": 16, "abc": 24, "y": 8}
    assert [step.name for step in problem.steps] == ["to a", "to b", "to c", "to y"]
    assert problem.steps[-1].inputs == ("a", "b", "c")
    plan = plan_memory(problem)
    assert plan.arena_bytes == 40
    assert plan.pitch_of_tensor == problem.pitch_of_tensor
    assert plan.offset_of_tensor["c"] == plan.offset_of_tensor["abc"] + 5


def test_a_concat_that_is_executed_may_write_at_a_pitch_itself() -> None:
    problem = problem_of(nested(), contracts_of(nested()), executed=("to ab",))
    assert problem.parts == {"ab": Part("abc", 0, 20, 5, 6), "c": Part("abc", 5, 4, 1, 6)}
    executed = problem_of(nested(), contracts_of(nested()), executed=("to abc",))
    assert executed.parts == {"a": Part("ab", 0, 12, 3, 5), "b": Part("ab", 3, 8, 2, 5)}


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (("a",), {"ab", "c"}),
        (("c",), {"a", "b"}),
        (("ab",), {"a", "b", "c"}),
        (("a", "c"), set[str]()),
        (("a", "ab"), set[str]()),
    ],
)
def test_kernels_that_cannot_do_so_keep_their_concats(without: tuple[str, ...], expected: set[str]) -> None:
    assert problem_of(nested(), contracts_of(nested(), *without)).parts.keys() == expected


def test_rows_of_joined_channels_keep_their_pitch() -> None:
    net = Net()
    upper = net.concat((net.copy("x", "a", 3), net.copy("x", "b", 1)), "ab")
    lower = net.concat((net.copy("x", "c", 2), net.copy("x", "d", 2)), "cd")
    graph = net.graph(net.concat((upper, lower), "all", axis=1))
    assert problem_of(graph, contracts_of(graph)).parts == {
        "a": Part("all", 0, 12, 3, 4),
        "b": Part("all", 3, 4, 1, 4),
        "c": Part("all", 16, 8, 2, 4),
        "d": Part("all", 18, 8, 2, 4),
    }
    rows = Net()
    upper = rows.concat((rows.copy("x", "a", 4), rows.copy("x", "b", 4)), "ab", axis=1)
    rows.tensors["c"] = Tensor("c", (1, 4, 2, 1), Quantization(1.0, 0))
    rows.operators.append(Requantize(name="to c", inputs=("x",), output="c", rescale=RESCALE, clamp=Clamp()))
    graph = rows.graph(rows.concat(("ab", "c"), "all"))
    assert problem_of(graph, contracts_of(graph)).parts.keys() == {"a", "b"}  # stretches in ab, which stays whole


def test_tensors_with_other_readers_or_names_stay_whole() -> None:
    net = Net()
    net.concat((net.copy("x", "a", 3), net.copy("x", "b", 1)), "ab")
    read = Net()
    read.tensors, read.operators = {**net.tensors}, [*net.operators]
    read.copy("a", "y", 4)
    for graph in (net.graph("ab", "a"), read.graph("ab", "y")):
        assert not viewable(graph, contracts_of(graph))
    flat = Reshape(name="flat", inputs=("a",), output="a2")
    whole = net.graph("ab")
    assert viewable(whole, contracts_of(whole)) == ("to ab",)
    joined = replace(net.operators[2], inputs=("a2", "b"))
    named = replace(
        whole,
        operators=(*whole.operators[:2], flat, joined),
        tensors={**whole.tensors, "a2": replace(whole.tensor("a"), name="a2")},
    )
    assert not viewable(named, contracts_of(named))
    assert not values_of(named, contracts_of(named), ("to ab",)).parts


@pytest.mark.parametrize(
    ("starts", "extents", "step", "first"),
    [
        ((0, 1, 0, 0), (1, 1, 2, 4), 1, 8),
        ((0, 0, 0, 0), (1, 2, 2, 4), 1, 0),
        ((0, 1, 1, 0), (1, 1, 1, 4), 1, 12),
        ((0, 1, 0, 2), (1, 1, 1, 2), 1, None),  # not at an aligned address
        ((0, 0, 1, 0), (1, 2, 1, 4), 1, None),  # a column
        ((0, 0, 0, 0), (1, 2, 2, 2), 1, None),  # half of the channels
        ((0, 0, 0, 0), (1, 1, 1, 2), 2, None),  # every other one
    ],
)
def test_a_slice_is_a_view_if_it_is_one_stretch(
    starts: tuple[int, ...], extents: tuple[int, ...], step: int, first: int | None
) -> None:
    net = Net()
    net.copy(net.slice("x", "s", starts, extents, step), "y", 4)
    graph = net.graph("y")
    contracts = contracts_of(graph)
    assert viewable(graph, contracts) == (() if first is None else ("to s",))
    problem = problem_of(graph, contracts)
    executed = problem_of(graph, contracts, executed=("to s",))
    assert executed.shifts == {}
    assert executed.buffer_of["s"] == "s"
    if first is not None:
        assert problem.shifts == {"s": first}
        assert problem.buffer_of["s"] == "x"
        assert [step.inputs for step in problem.steps] == [("x",)]
        plan = plan_memory(problem)
        assert plan.offset_of_tensor["s"] == plan.offset_of_tensor["x"] + first
        wrong = {**plan.offset_of_tensor, "s": plan.offset_of_tensor["x"] + first + 4}
        with pytest.raises(PlanError, match="not where its buffer is"):
            check_plan(problem, replace(plan, offset_of_tensor=wrong))


def test_distances_of_what_reads_a_slice_are_from_the_slice() -> None:
    net = Net()
    net.copy(net.slice("x", "s", (0, 1, 0, 0), (1, 1, 2, 4)), "y", 4)
    graph = net.graph("y")
    contracts = {**contracts_of(graph), "to y": KernelContract(0, {"s": 4})}
    assert problem_of(graph, contracts).steps[-1].safe_distance_bytes == {"x": 4 - 8}
    assert problem_of(graph, contracts, executed=("to s",)).steps[-1].safe_distance_bytes == {"s": 4}


def test_slices_lie_in_slices_in_joined_maps_and_in_what_was_renamed() -> None:
    net = Net()
    wide = net.concat((net.copy("x", "a", 3), net.copy("x", "b", 1)), "ab")
    row = net.slice(wide, "row", (0, 1, 0, 0), (1, 1, 2, 4))
    pixel = net.slice(row, "pixel", (0, 0, 1, 0), (1, 1, 1, 4))
    net.operators.append(Reshape(name="flat", inputs=(pixel,), output="v"))
    net.tensors["v"] = Tensor("v", (1, 1, 1, 4), Quantization(1.0, 0))
    net.copy("v", "y", 4)
    joined = net.concat((row, net.slice(wide, "again", (0, 0, 0, 0), (1, 1, 2, 4))), "rows", axis=1)
    graph = net.graph("y", joined)
    problem = problem_of(graph, contracts_of(graph))
    assert problem.shifts == {"row": 8, "pixel": 12, "v": 12, "again": 0}
    assert {step.name: step.inputs for step in problem.steps}["to y"] == ("a", "b")
    assert "to rows" in {step.name for step in problem.steps}  # its inputs lie elsewhere
    plan = plan_memory(problem)
    assert plan.offset_of_tensor["v"] == plan.offset_of_tensor["ab"] + 12


@settings(max_examples=60, deadline=None)
@given(
    first=st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)),
    second=st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)),
    same=st.booleans(),
)
def test_parts_that_share_no_byte_are_told_from_those_that_do(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int], *, same: bool
) -> None:
    """Of the same pitch exactly; of another one may be refused that is none."""

    def part(start: int, run: int, runs: int, gap: int, pitch: int) -> tuple[Part, set[int]]:
        pitch = pitch or run + gap
        taken = {start + row * pitch + at for row in range(runs) for at in range(run)}
        return Part("wide", start, run * runs, run, pitch), taken

    pitch = 8 if same else 0
    (one, ones), (other, others) = part(*first, pitch), part(*second, pitch)
    assert (one.end_bytes, other.end_bytes) == (max(ones) + 1, max(others) + 1)
    steps = (Step("one", (), ("p",)), Step("other", (), ("q",)))
    problem = MemoryProblem({"wide": 40}, steps, (), ("p", "q"), {}, {"p": one, "q": other})
    if ones.isdisjoint(others) and same:
        check_problem(problem)
    elif not ones.isdisjoint(others):
        with pytest.raises(PlanError, match="shares bytes with"):
            check_problem(problem)


def test_a_plan_with_another_pitch_is_refused() -> None:
    problem = problem_of(nested(), contracts_of(nested()))
    plan = plan_memory(problem)
    for pitches in ({}, {**plan.pitch_of_tensor, "b": 7}):
        with pytest.raises(PlanError, match="pixels are not as far apart"):
            check_plan(problem, replace(plan, pitch_of_tensor=pitches))


@st.composite
def joined_graphs(draw: st.DrawFn) -> Graph:
    """Modules whose branches are joined, nested or not; the one before may be read again."""
    net, source = Net(), "x"
    for module in range(draw(st.integers(1, 3))):
        narrow = net.copy(source, f"n{module}", draw(st.integers(1, 4)))
        sources = [narrow, source] if draw(st.booleans()) else [narrow]
        count = draw(st.integers(2, 3))
        parts = [
            net.copy(draw(st.sampled_from(sources)), f"p{module}{i}", draw(st.integers(1, 6))) for i in range(count)
        ]
        if count > 2 and draw(st.booleans()):
            parts = [net.concat((parts[0], parts[1]), f"i{module}"), parts[2]]
        source = net.concat(tuple(parts), f"w{module}")
        if draw(st.booleans()):
            row = net.slice(source, f"s{module}", (0, module % 2, 0, 0), (1, 1, 2, net.tensors[source].shape[-1]))
            net.concat((net.copy(row, f"r{module}", 2), row), f"z{module}")
    ends = [name for name in net.tensors if name[0] == "z"]
    return net.graph(net.copy(source, "y", 2), *ends)


@settings(max_examples=30, deadline=None)
@given(graph=joined_graphs(), overlaps=st.booleans(), scratch=st.integers(0, 9), in_place=st.booleans())
def test_the_floor_is_below_every_choice(graph: Graph, *, overlaps: bool, scratch: int, in_place: bool) -> None:
    contracts = {
        each.name: KernelContract(
            scratch,
            {each.inputs[0]: 0} if overlaps else {},
            takes_pitch=True,
            in_place=in_place and not isinstance(each, Concat),
        )
        for each in graph.operators
    }
    concats = viewable(graph, contracts)
    choices = [subset for count in range(len(concats) + 1) for subset in combinations(concats, count)]
    able = [name for name, contract in contracts.items() if contract.in_place]
    problems = [
        problem_of(graph, contracts, ALL, executed=choice, replacing=way) for choice in choices for way in ((), able)
    ]
    if not in_place:
        assert floor_of_choices(problems[0], problems[-1], concats) <= min(
            plan_memory(each).arena_bytes for each in problems
        )
    least = min(plan_memory(problem).arena_bytes for problem in problems)
    plan = plan_graph(graph, contracts)
    assert plan.lower_bound_bytes <= least <= plan.arena_bytes
    if len(concats) <= MOST_CHOICES:
        assert plan.arena_bytes == least
