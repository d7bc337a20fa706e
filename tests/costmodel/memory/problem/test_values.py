"""Concats and Slices as views: who lies where in whom."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Clamp, Concat, Operator, Requantize, Reshape, Slice
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory import ALL, plan_graph, plan_memory, problem_of
from sparse_mcu.costmodel.memory.checking.validator import check_plan
from sparse_mcu.costmodel.memory.model.access import AccessPattern, safe_distance_bytes
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryPlan, MemoryProblem, Part, Step
from sparse_mcu.costmodel.memory.planning.planner import MOST_CHOICES
from sparse_mcu.costmodel.memory.problem.floors import floor_of_choices
from sparse_mcu.costmodel.memory.problem.problem import check_problem, viewable
from sparse_mcu.costmodel.memory.problem.values import values_of

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


def by_pixels(graph: Graph, *without: str) -> dict[str, KernelContract]:
    """Kernels that read and write pixel by pixel, at any pitch; those that make the tensors `without` read at none."""
    return {each.name: _by_pixels(graph, each, {}, reads_pitch=each.output not in without) for each in graph.operators}


def _by_pixels(
    graph: Graph, operator: Operator, pitches: Mapping[str, int], *, reads_pitch: bool = True
) -> KernelContract:
    output, distances = graph.output_of(operator), dict[str, int]()
    pixels = np.arange(output.size_bytes // output.shape[-1])
    ends = pixels * pitches.get(output.name, output.shape[-1]) + output.shape[-1]
    for tensor in graph.inputs_of(operator):
        reads = pixels * pitches.get(tensor.name, tensor.shape[-1])
        distances[tensor.name] = safe_distance_bytes(AccessPattern(reads, ends), tensor.size_bytes)
    at_pitches = partial(_by_pixels, graph, operator) if reads_pitch else None
    return KernelContract(0, {} if isinstance(operator, Slice) else distances, takes_pitch=True, at_pitches=at_pitches)


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


def test_half_of_the_channels_are_read_between_the_others() -> None:
    net = Net()
    net.copy(net.slice("x", "low", (0, 0, 0, 0), (1, 2, 2, 1)), "a", 3)
    net.copy(net.slice("x", "high", (0, 0, 0, 1), (1, 2, 2, 3)), "b", 3)
    graph = net.graph("a", "b")
    assert viewable(graph, by_pixels(graph)) == ("to low", "to high")
    problem = problem_of(graph, by_pixels(graph))
    assert (problem.shifts, problem.pitch_of_tensor) == ({"low": 0, "high": 1}, {"low": 4, "high": 4})
    assert [(step.name, step.inputs) for step in problem.steps] == [("to a", ("x",)), ("to b", ("x",))]
    assert problem.steps[1].safe_distance_bytes == {"x": 0}  # -1 from the slice, to be at an aligned address
    plan = plan_memory(problem)
    assert plan.offset_of_tensor["high"] == plan.offset_of_tensor["x"] + 1
    wrong = {**plan.pitch_of_tensor, "high": 3}
    with pytest.raises(PlanError, match="pixels are not as far apart"):
        check_plan(problem, replace(plan, pitch_of_tensor=wrong))
    executed = problem_of(graph, by_pixels(graph), executed=("to low",))
    assert (executed.shifts, executed.pitch_of_tensor) == ({"high": 1}, {"high": 4})


def test_channels_of_rows_of_channels_lie_where_they_should() -> None:
    net = Net()
    upper = net.slice("x", "upper", (0, 1, 0, 0), (1, 1, 2, 4))
    some = net.slice(upper, "some", (0, 0, 0, 1), (1, 1, 2, 3))
    last = net.slice(some, "last", (0, 0, 1, 2), (1, 1, 1, 1))
    net.copy(last, "a", 3)
    net.copy(net.slice("x", "odd", (0, 0, 0, 0), (1, 2, 2, 2), 2), "b", 3)
    graph = net.graph("a", "b")
    problem = problem_of(graph, by_pixels(graph))
    assert problem.shifts == {"upper": 8, "some": 9, "last": 15}
    assert problem.pitch_of_tensor == {"last": 4}
    assert "to odd" in {step.name for step in problem.steps}  # every other channel


def test_who_cannot_read_at_a_pitch_keeps_its_slice() -> None:
    net = Net()
    low = net.slice("x", "low", (0, 0, 0, 0), (1, 2, 2, 1))
    net.copy(low, "a", 3)
    net.copy(low, "b", 3)
    graph = net.graph("a", "b")
    assert viewable(graph, by_pixels(graph)) == ("to low",)
    for changed, contracts in (
        (graph, by_pixels(graph, "b")),
        (net.graph("a", "b", "low"), by_pixels(graph)),
    ):
        assert not viewable(changed, contracts)
        assert not problem_of(changed, contracts).pitch_of_tensor
    flat = Reshape(name="flat", inputs=("low",), output="v")
    net.operators.append(flat)
    net.tensors["v"] = Tensor("v", (1, 4), Quantization(1.0, 0))
    assert not viewable(net.graph("a", "b"), by_pixels(graph))


def dense_block() -> Net:
    """Each map and what is made of it are joined, and both are read again."""
    net, wide = Net(), "x"
    wide = net.copy("x", "a", 3)
    for name in ("b", "c"):
        wide = net.concat((wide, net.copy(wide, name, 2)), f"{wide}{name}")
    net.copy(wide, "y", 2)
    return net


def test_parts_of_joined_channels_may_be_read_at_their_pitch() -> None:
    graph = dense_block().graph("y")
    problem = problem_of(graph, by_pixels(graph))
    assert problem.parts == {"a": Part("abc", 0, 12, 3, 7), "b": Part("abc", 3, 8, 2, 7), "c": Part("abc", 5, 8, 2, 7)}
    assert problem.pitch_of_tensor == {"a": 7, "b": 7, "c": 7, "ab": 7}
    steps = {step.name: step for step in problem.steps}
    assert steps["to c"].inputs == ("a", "b")
    assert steps["to a"].safe_distance_bytes == {"x": 8}  # the third pixel ends at 17, the fourth is read from 12 on
    assert not steps["to b"].safe_distance_bytes  # it reads what it must not overwrite
    reader = problem_of(graph, by_pixels(graph, "c"))
    assert reader.parts.keys() == {"a", "b"}  # c reads a whole map
    assert problem_of(graph, by_pixels(graph, "b")).parts.keys() == {"ab", "c"}


def test_a_row_of_a_part_is_read_at_the_pitch_of_the_whole() -> None:
    net = dense_block()
    net.copy(net.slice("a", "row", (0, 1, 0, 0), (1, 1, 2, 3)), "r", 4)
    graph = net.graph("y", "r")
    problem = problem_of(graph, by_pixels(graph))
    assert problem.shifts == {"row": 14}  # two pixels of seven
    assert problem.pitch_of_tensor["row"] == 7
    assert problem_of(graph, by_pixels(graph, "r")).shifts == {}
    net.tensors["x"] = Tensor("x", (1, 2, 2, 4), Quantization(1.0, 0))
    before = net.operators.pop(-2), net.operators.pop()
    net.operators[1:1] = before  # the row is cut before the map is joined
    assert problem_of(net.graph("y", "r"), by_pixels(graph)).shifts == {"row": 14}


def test_slices_that_make_up_a_map_are_joined_as_that_map() -> None:
    net = Net()
    net.copy("x", "m", 4)
    halves = [net.slice("m", f"h{at}", (0, 0, 0, at), (1, 2, 2, 2)) for at in (0, 2)]
    made = net.copy(halves[1], "n", 2)
    net.copy(net.concat((*halves, made), "all"), "y", 2)
    graph = net.graph("y")
    problem = problem_of(graph, by_pixels(graph))
    assert problem.parts == {"m": Part("all", 0, 16, 4, 6), "n": Part("all", 4, 8, 2, 6)}
    assert problem.shifts == {"h0": 0, "h2": 2}
    assert problem.pitch_of_tensor == {"m": 6, "n": 6, "h2": 6}
    assert {step.name for step in problem.steps} == {"to m", "to n", "to y"}
    swapped = net.operators[-2]
    for inputs in ((halves[1], halves[0], made), (halves[0], made, halves[1])):
        net.operators[-2] = replace(swapped, inputs=inputs)
        assert problem_of(net.graph("y"), by_pixels(graph)).parts == {}


@pytest.mark.parametrize("step", [1, 2])
def test_rows_that_make_up_a_map_are_joined_as_that_map(step: int) -> None:
    """Whatever the step is by which each of them, a single row, was cut out."""
    net = Net()
    net.copy("x", "m", 4)
    rows = [net.slice("m", f"r{at}", (0, at, 0, 0), (1, 1, 2, 4)) for at in (0, 1)]
    net.operators[-2:] = [replace(each, steps=(1, step, 1, 1)) for each in net.operators[-2:]]
    made = net.copy(rows[1], "n", 4)
    net.copy(net.concat((*rows, made), "all", axis=1), "y", 2)
    problem = problem_of(net.graph("y"), by_pixels(net.graph("y")))
    assert problem.parts == {"m": Part("all", 0, 16), "n": Part("all", 16, 8)}
    assert problem.shifts == {"r0": 0, "r1": 8}


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


@st.composite
def split_graphs(draw: st.DrawFn) -> Graph:
    """Maps of which some channels or rows are read, and which are joined with what is made of them."""
    net, names = Net(), ["x"]
    for index in range(draw(st.integers(2, 6))):
        source, name = draw(st.sampled_from(names[-3:])), f"t{index}"
        _, rows, columns, channels = net.tensors[source].shape
        same = [each for each in names if net.tensors[each].shape[:-1] == (1, rows, columns)]
        kind = draw(st.sampled_from(["copy", "copy", "channels", "channels", "join", "join", "row"]))
        if kind == "channels" and channels > 1:
            first = draw(st.integers(0, channels - 1))
            net.slice(source, name, (0, 0, 0, first), (1, rows, columns, draw(st.integers(1, channels - first))))
        elif kind == "row":
            net.slice(source, name, (0, rows - 1, 0, 0), (1, 1, columns, channels))
        elif kind == "join":
            net.concat((source, draw(st.sampled_from(same))), name, draw(st.sampled_from([AXIS, AXIS, 1])))
            net.tensors[name] = _joined(net, net.operators[-1])
        else:
            net.copy(source, name, draw(st.integers(1, 6)))
        names.append(name)
    read = {name for each in net.operators for name in each.inputs}
    return net.graph(*(each.output for each in net.operators if each.output not in read))


def _joined(net: Net, operator: Operator) -> Tensor:
    """The output of a Concat; of rows only if the channels are the same, else it becomes one of channels."""
    assert isinstance(operator, Concat)
    shapes = [net.tensors[name].shape for name in operator.inputs]
    if operator.axis == 1 and shapes[0][-1] != shapes[1][-1]:
        operator = replace(operator, axis=AXIS)
        net.operators[-1] = operator
    shape = list(shapes[0])
    shape[operator.axis] = sum(each[operator.axis] for each in shapes)
    return replace(net.tensors[operator.output], shape=tuple(shape))


@settings(max_examples=60, deadline=None)
@given(graph=split_graphs(), data=st.data())
def test_the_floor_of_splits_is_below_every_choice(graph: Graph, data: st.DataObject) -> None:
    without = data.draw(st.lists(st.sampled_from([each.output for each in graph.operators]), max_size=1))
    contracts = by_pixels(graph, *without)
    able = viewable(graph, contracts)
    choices = [subset for count in range(len(able) + 1) for subset in combinations(able, count)]
    problems = [problem_of(graph, contracts, executed=choice) for choice in choices]
    plans = [plan_memory(problem) for problem in problems]
    least = min(plan.arena_bytes for plan in plans)
    assert floor_of_choices(problems[0], problems[-1], able) <= least
    plan = plan_graph(graph, contracts)
    assert plan.lower_bound_bytes <= least <= plan.arena_bytes
    if len(able) <= MOST_CHOICES:
        assert plan.arena_bytes == least
    for each, found in zip(problems, plans, strict=True):
        check_bytes(graph, each, found)


def check_bytes(graph: Graph, problem: MemoryProblem, plan: MemoryPlan) -> None:
    """Each step finds the elements that it reads where the plan says, as if nothing overlapped."""
    content = symbolic(graph)
    offsets, top = dict[str, int](), 0
    for name, size in problem.sizes_bytes.items():
        offsets[name], top = top, top + size
    memory = np.zeros(top, np.int64)
    steps = {step.name: step for step in problem.steps}
    operators = {operator.name: operator for operator in graph.operators}

    def places(name: str) -> npt.NDArray[np.int64]:
        value = problem.buffer_of[name]
        start = offsets[problem.home(value)] + problem.displacement_bytes(value) + problem.shifts.get(name, 0)
        shape = graph.tensor(name).shape
        pixels = np.arange(graph.tensor(name).size_bytes // shape[-1])
        apart = plan.pitch_of_tensor.get(name, shape[-1])
        return np.add.outer(start + pixels * apart, np.arange(shape[-1])).ravel()

    for name in graph.inputs:
        memory[places(name)] = content[name].ravel()
    for step in plan.schedule:
        for name in operators[step].inputs:
            np.testing.assert_array_equal(memory[places(name)], content[name].ravel(), err_msg=f"{step} reads {name}")
        memory[places(operators[step].output)] = content[operators[step].output].ravel()
    for name in graph.outputs:
        np.testing.assert_array_equal(memory[places(name)], content[name].ravel(), err_msg=name)
    assert steps.keys() == {*plan.schedule}


def symbolic(graph: Graph) -> dict[str, npt.NDArray[np.int64]]:
    """Every tensor with an identity for each element; those of a Slice or a Concat are its inputs' ones."""
    content: dict[str, npt.NDArray[np.int64]] = {}
    fresh = 1
    made = {operator.output: operator for operator in graph.operators}
    for name in [*graph.inputs, *made]:
        operator, shape = made.get(name), graph.tensor(name).shape
        if isinstance(operator, Concat):
            content[name] = np.concatenate([content[each] for each in operator.inputs], axis=operator.axis)
        elif isinstance(operator, Slice):
            cut = zip(operator.starts, shape, operator.steps, strict=True)
            content[name] = content[operator.inputs[0]][tuple(slice(at, at + n * step, step) for at, n, step in cut)]
        else:
            content[name] = fresh + np.arange(np.prod(shape)).reshape(shape)
            fresh += content[name].size
    return content


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
