"""Bytes below which no choice of views can stay."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Clamp, Concat, Operator, Requantize, Slice
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory import ALL, plan_graph, plan_memory, problem_of
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.planning.planner import MOST_CHOICES
from sparse_mcu.costmodel.memory.problem.floors import floor_of_choices
from sparse_mcu.costmodel.memory.problem.problem import viewable

RESCALE = Rescale(np.array([1 << 30], np.int32), 0)
MOST_VIEWS = 4


class Rows:
    """A graph of tensors of a row of pixels; of one pixel, every Concat and every Slice of words can be a view."""

    def __init__(self, pixels: int = 1, **inputs: int) -> None:
        self.pixels, self.inputs, self.sizes, self.operators = pixels, tuple(inputs), dict(inputs), list[Operator]()

    def copy(self, source: str, name: str, size: int) -> None:
        """An operator that somehow makes `size` channels."""
        made = Requantize(name=f"to {name}", inputs=(source,), output=name, rescale=RESCALE, clamp=Clamp())
        self._add(made, size)

    def cut(self, source: str, name: str, start: int, size: int) -> None:
        """Some channels of a tensor."""
        self._add(Slice(name=f"to {name}", inputs=(source,), output=name, starts=(0, 0, start), steps=(1, 1, 1)), size)

    def join(self, sources: tuple[str, ...], name: str) -> None:
        """Side by side."""
        size = sum(self.sizes[source] for source in sources)
        self._add(Concat(name=f"to {name}", inputs=sources, output=name, axis=2), size)

    def _add(self, operator: Operator, size: int) -> None:
        self.operators.append(operator)
        self.sizes[operator.output] = size

    def graph(self, *outputs: str) -> Graph:
        """With these outputs, and every tensor that nobody reads."""
        read = {name for operator in self.operators for name in operator.inputs}
        ends = [operator.output for operator in self.operators if operator.output not in read]
        tensors = {
            name: Tensor(name, (1, self.pixels, size), Quantization(1.0, 0)) for name, size in self.sizes.items()
        }
        return Graph(
            "test", "0" * 64, tensors, tuple(self.operators), self.inputs, tuple(dict.fromkeys((*outputs, *ends)))
        )


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, KernelContract]]:
    """Some of each operator, in any order; some kernels allow overlap, or can write at a pitch."""
    pixels, odd = draw(st.sampled_from([(1, 0), (1, 0), (1, 0), (1, 1), (3, 1)]))
    channels = st.integers(1, 6).map(lambda count: count if odd else 4 * count)
    rows, contracts, views = Rows(pixels, x=draw(channels), z=draw(channels)), dict[str, KernelContract](), 0
    for index in range(draw(st.integers(2, 7))):
        name, names = f"t{index}", list(rows.sizes)
        source = draw(st.sampled_from(names[-4:]))
        kind = draw(st.sampled_from(["copy", "copy", "cut", "join"] if views < MOST_VIEWS else ["copy"]))
        views += kind != "copy"
        if kind == "cut":
            start = draw(st.integers(0, rows.sizes[source] - 1)) // 4 * 4
            rows.cut(source, name, start, draw(st.integers(1, rows.sizes[source] - start)))
        elif kind == "join":
            rows.join(tuple(draw(st.lists(st.sampled_from(names[-4:]), min_size=2, max_size=3, unique=True))), name)
        else:
            rows.copy(source, name, draw(channels))
        distance = 4 * draw(st.integers(-1, 2))
        distances = {source: distance} if kind == "copy" and draw(st.booleans()) else {}
        pitch = draw(st.booleans())
        contracts[f"to {name}"] = KernelContract(draw(st.sampled_from([0, 0, 8])), distances, takes_pitch=pitch)
    return rows.graph(*draw(st.lists(st.sampled_from(list(rows.sizes)), max_size=1))), contracts


def arenas(graph: Graph, contracts: dict[str, KernelContract], able: tuple[str, ...]) -> list[int]:
    """Of every choice."""
    choices = chain.from_iterable(combinations(able, count) for count in range(len(able) + 1))
    plans = [plan_memory(problem_of(graph, contracts, executed=choice)) for choice in choices]
    assert all(plan.proven for plan in plans)
    return [plan.arena_bytes for plan in plans]


@given(case=graphs())
@settings(max_examples=60, deadline=None)
def test_no_choice_is_below_the_floor(case: tuple[Graph, dict[str, KernelContract]]) -> None:
    graph, contracts = case
    able = viewable(graph, contracts)
    least = min(arenas(graph, contracts, able))
    viewed, executed = (problem_of(graph, contracts, ALL, executed=each) for each in ((), able))
    assert floor_of_choices(viewed, executed, able) <= least
    plan = plan_graph(graph, contracts)
    assert plan.lower_bound_bytes <= least <= plan.arena_bytes
    if len(able) <= MOST_CHOICES:
        assert plan.arena_bytes == least


def test_who_writes_into_a_join_may_read_something_smaller_than_the_view() -> None:
    """Of the large tensor only a slice is read: where that is executed, the large one is gone by then."""
    rows = Rows(x=16)
    rows.copy("x", "large", 64)
    rows.cut("large", "s", 0, 16)
    rows.copy("s", "a", 24)
    rows.copy("s", "b", 24)
    rows.join(("a", "b"), "y")
    graph = rows.graph()
    contracts = {each.name: KernelContract() for each in graph.operators}
    plan = plan_graph(graph, contracts)
    assert plan.arena_bytes == plan.lower_bound_bytes == 80


def test_an_output_may_lie_in_another_only_if_a_third_does_not() -> None:
    """Of two joins of the same tensors one can be a view: if it is the second, the output x lies in the output y."""
    rows = Rows(x=4, z=4)
    rows.join(("x", "z"), "a")
    rows.join(("x", "z", "a"), "y")
    graph = rows.graph("x")
    contracts = {each.name: KernelContract() for each in graph.operators}
    viewed, executed = (problem_of(graph, contracts, ALL, executed=each) for each in ((), ("to a", "to y")))
    plan = plan_graph(graph, contracts)
    assert floor_of_choices(viewed, executed, ("to a", "to y")) == plan.arena_bytes == plan.lower_bound_bytes == 16


@pytest.mark.parametrize(("large", "floor"), [(8, 32), (20, 44), (32, 48)])
def test_the_floor_of_a_join_is_the_less_of_both_ways(large: int, floor: int) -> None:
    """As a view it lies beside what its writers read, executed beside its pieces."""
    rows = Rows(x=4)
    rows.copy("x", "large", large)
    rows.copy("large", "a", 12)
    rows.copy("a", "b", 12)
    rows.join(("a", "b"), "y")
    graph = rows.graph()
    contracts = {each.name: KernelContract() for each in graph.operators}
    viewed, executed = (problem_of(graph, contracts, ALL, executed=each) for each in ((), ("to y",)))
    assert floor_of_choices(viewed, executed, ("to y",)) == floor == min(arenas(graph, contracts, ("to y",)))


def floor(rows: Rows, contracts: dict[str, KernelContract], *outputs: str) -> int:
    """Of a graph whose other kernels need nothing; it is not above the best choice."""
    graph = rows.graph(*outputs)
    contracts = {each.name: KernelContract() for each in graph.operators} | contracts
    able = viewable(graph, contracts)
    viewed, executed = (problem_of(graph, contracts, ALL, executed=each) for each in ((), able))
    found = floor_of_choices(viewed, executed, able)
    assert found <= min(arenas(graph, contracts, able))
    return found


def test_a_step_that_no_view_touches_counts_whole() -> None:
    rows = Rows(x=8)
    rows.copy("x", "y", 12)
    assert floor(rows, {"to y": KernelContract(8)}) == 8 + 12 + 8
    assert floor(rows, {"to y": KernelContract(8, {"x": 4})}) == 12 + 8


def test_of_a_step_that_reads_a_view_the_larger_side_counts() -> None:
    rows = Rows(x=4)
    rows.copy("x", "large", 12)
    rows.cut("large", "s", 0, 12)
    rows.copy("s", "y", 24)
    assert floor(rows, {"to y": KernelContract(8)}) == 24 + 8
    rows.copy("y", "z", 4)
    rows.cut("y", "t", 20, 4)
    assert floor(rows, {}, "z") == 24 + 4


def test_inputs_and_outputs_count_together_unless_views_may_merge_them() -> None:
    ends = Rows(x=4)
    ends.copy("x", "a", 20)
    ends.copy("x", "b", 24)
    assert floor(ends, {}) == 20 + 24
    starts = Rows(x=20, z=24)
    starts.copy("x", "a", 4)
    starts.copy("z", "b", 4)
    assert floor(starts, {}) == 20 + 24
    merged = Rows(x=16)
    merged.cut("x", "s", 0, 12)
    merged.cut("x", "t", 4, 12)
    assert floor(merged, {}) == 16


def test_where_both_sides_are_pieces_one_of_the_joins_may_be_executed_and_gone() -> None:
    rows = Rows(x=4)
    rows.copy("x", "a", 4)
    rows.copy("x", "c", 4)
    rows.join(("a", "c"), "ac")
    rows.copy("ac", "e", 4)
    rows.copy("e", "d", 36)
    rows.copy("a", "b", 4)
    rows.join(("b", "d"), "y")
    assert floor(rows, {"to d": KernelContract(0, {"e": 0})}) == 40


def test_of_a_view_only_its_own_writers_count() -> None:
    """Executed, the small join never lies beside the large tensor."""
    rows = Rows(x=4)
    rows.copy("x", "large", 64)
    rows.copy("large", "a", 4)
    rows.copy("a", "b", 4)
    rows.join(("a", "b"), "small")
    rows.copy("small", "e", 4)
    rows.copy("e", "c", 20)
    rows.copy("e", "d", 20)
    rows.join(("c", "d"), "wide")
    assert floor(rows, {}) == 4 + 64
