"""Outputs that lie exactly where their inputs did."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Operator, Requantize, Reshape, Softmax
from sparse_mcu.costmodel.graph.requantization import Rescale
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor
from sparse_mcu.costmodel.memory import ALL, plan_graph, plan_memory, problem_of
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryProblem, Part, Step
from sparse_mcu.costmodel.memory.problem.problem import check_problem
from sparse_mcu.costmodel.memory.problem.replacing import anywhere, replacing_in

RESCALE = Rescale(np.array([1 << 30], np.int32), 0)
EXACT = KernelContract(safe_distance_bytes={}, in_place=True)


def graph_of(operators: list[Operator], sizes: dict[str, int], *outputs: str) -> Graph:
    tensors = {name: Tensor(name, (1, size), Quantization(1.0, 0)) for name, size in sizes.items()}
    return Graph("test", "0" * 64, tensors, tuple(operators), ("x",), outputs)


def softmax(source: str, target: str) -> Operator:
    """Not elementwise."""
    table = np.ones(1, np.uint32)
    return Softmax(name=f"to {target}", inputs=(source,), output=target, exp_table=table, numerator=1, denominator=1)


def chain(*sizes: int) -> tuple[Graph, dict[str, KernelContract]]:
    """From x to t1, to t2 ...; every step may replace its input, or else keep clear of it."""
    names = ["x", *(f"t{i}" for i in range(1, len(sizes)))]
    operators = [softmax(source, target) for source, target in pairwise(names)]
    return graph_of(operators, dict(zip(names, sizes, strict=True)), names[-1]), {
        each.name: EXACT for each in operators
    }


def test_a_chain_of_one_size_stays_where_it_is() -> None:
    graph, contracts = chain(8, 8, 8, 12)
    plan = plan_graph(graph, contracts)
    assert plan.arena_bytes == 20
    assert plan.proven
    assert plan.offset_of_tensor["x"] == plan.offset_of_tensor["t1"] == plan.offset_of_tensor["t2"]
    problem = problem_of(graph, contracts, replacing=("to t1", "to t2", "to t3"))
    assert problem.sizes_bytes == {"x": 8, "t3": 12}
    assert problem.parts == {name: Part("x", 0, 8) for name in ("x", "t1", "t2")}
    assert problem.replaced == {"t1": "x", "t2": "t1"}
    assert plan_graph(graph, contracts, replace(ALL, in_place=False)).arena_bytes == 20
    graph, contracts = chain(8, 8, 4)
    assert plan_graph(graph, contracts).arena_bytes == 12
    assert plan_graph(graph, contracts, replace(ALL, in_place=False)).arena_bytes == 16


def test_what_is_needed_later_is_not_replaced() -> None:
    operators = [softmax("x", "a"), softmax("a", "b")]
    add = Add(name="sum", inputs=("a", "b"), output="y", multipliers=(1, 1), shift=1, clamp=Clamp())
    sizes = dict.fromkeys("xaby", 8)
    read_again = graph_of([*operators, add], sizes, "y")
    kept = graph_of(operators, dict.fromkeys("xab", 8), "a", "b")
    flat = Reshape(name="flat", inputs=("a",), output="v")
    renamed = graph_of([operators[0], flat, softmax("v", "b")], dict.fromkeys("xavb", 8), "b")
    for graph in (read_again, kept, renamed):
        contracts = dict.fromkeys(("to a", "to b"), EXACT) | {"sum": KernelContract()}
        assert problem_of(graph, contracts, replacing=("to a", "to b")).replaced == {"a": "x"}
        assert plan_graph(graph, contracts).arena_bytes == (24 if graph is read_again else 16)


def test_only_a_kernel_that_can_replaces_and_only_a_tensor_of_its_size() -> None:
    graph, contracts = chain(8, 8, 8, 12)
    contracts["to t1"] = KernelContract(safe_distance_bytes={"x": 0})
    assert problem_of(graph, contracts, replacing=("to t1", "to t2", "to t3")).replaced == {"t2": "t1"}
    assert problem_of(graph, contracts, replacing=("to t3",)).replaced == {}


def test_those_that_lie_in_place_anyway_are_told_from_the_others() -> None:
    graph, contracts = chain(8, 8, 8, 8)
    contracts["to t3"] = KernelContract(safe_distance_bytes={"t2": 0})
    problem = problem_of(graph, contracts, replacing=contracts)
    assert problem.replaced == {"t1": "x", "t2": "t1"}
    plan = plan_memory(problem_of(graph, anywhere(contracts, problem)))
    moved = replace(plan, offset_of_tensor={"x": 0, "t1": 0, "t2": 4, "t3": 4})
    assert replacing_in(moved, problem) == {"to t1"}
    assert replacing_in(replace(plan, offset_of_tensor=dict.fromkeys(moved.offset_of_tensor, 0)), problem) == {
        "to t1",
        "to t2",
    }


@pytest.mark.parametrize(
    ("replaced", "parts", "message"),
    [
        ({"b": "a"}, {"a": Part("m", 0, 8), "b": Part("m", 0, 4)}, "does not lie where 'a' does"),
        ({"b": "a"}, {"a": Part("m", 0, 8)}, "without a size|does not lie"),
        ({"c": "a"}, {"a": Part("m", 0, 8), "c": Part("m", 0, 8)}, "c: is written while 'a' is needed"),
        ({}, {"a": Part("m", 0, 8), "b": Part("m", 0, 8)}, "shares bytes with"),
    ],
)
def test_replacements_that_lose_bytes_are_refused(
    replaced: dict[str, str], parts: dict[str, Part], message: str
) -> None:
    steps = (Step("one", (), ("a",)), Step("two", ("a",), ("b",)), Step("three", ("b",), ("c",)))
    sizes = {"m": 8} | {name: 8 for name in "abc" if name not in parts}
    problem = MemoryProblem(sizes, steps, (), ("c",), {}, parts, replaced)
    with pytest.raises(PlanError, match=message):
        check_problem(problem)


@st.composite
def exact_graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, KernelContract]]:
    """Branching graphs of tensors of two sizes; some kernels write exactly in place, some from a distance on."""
    names, sizes, contracts = ["x"], {"x": draw(st.sampled_from([4, 8]))}, {}
    operators: list[Operator] = []
    for index in range(draw(st.integers(2, 6))):
        source, target = draw(st.sampled_from(names[-2:])), f"t{index}"
        sizes[target] = draw(st.sampled_from([sizes[source], 4, 8]))
        operators.append(Requantize(name=target, inputs=(source,), output=target, rescale=RESCALE, clamp=Clamp()))
        distance = draw(st.sampled_from([{}, {source: 4}]))
        contracts[target] = KernelContract(draw(st.sampled_from([0, 4])), distance, in_place=draw(st.booleans()))
        names.append(target)
    read = {operator.inputs[0] for operator in operators}
    return graph_of(operators, sizes, *(name for name in names if name not in read)), contracts


@settings(max_examples=80, deadline=None)
@given(case=exact_graphs())
def test_the_better_way_is_taken_and_its_bound_holds_for_both(case: tuple[Graph, dict[str, KernelContract]]) -> None:
    graph, contracts = case
    plan = plan_graph(graph, contracts)
    names = [name for name, contract in contracts.items() if contract.in_place]
    subsets = [[name for at, name in enumerate(names) if number >> at & 1] for number in range(2 ** len(names))]
    arenas = [plan_memory(problem_of(graph, contracts, replacing=subset)).arena_bytes for subset in subsets]
    assert plan.lower_bound_bytes <= min(arenas)
    assert plan.arena_bytes == min(arenas)
