"""What is streamed, against all cuts of small networks."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from stream_cases import kernels, nets

from costmodel.graph import Concat, Graph, Operator
from costmodel.memory import Levers, plan_graph
from costmodel.memory.plan import KernelContract
from costmodel.memory.streaming import build_stream
from costmodel.memory.streaming.needs import contract_of

STREAMED = Levers(streaming=True)


def contracts_of(graph: Graph) -> dict[str, KernelContract]:
    return {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}


def arena(graph: Graph, levers: Levers) -> int:
    return plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels).arena_bytes


def cuts(count: int) -> Iterator[list[tuple[int, int]]]:
    """All ways to cut `count` steps into intervals."""
    for walls in range(2 ** (count - 1)):
        edges = [0, *(at for at in range(1, count) if walls >> at - 1 & 1), count]
        yield [*pairwise(edges)]


def arena_of_cut(graph: Graph, cut: list[tuple[int, int]]) -> int | None:
    """The arena if each interval of several operators is a stream, without further choices; None if one cannot be."""
    operators: list[Operator] = []
    contracts = contracts_of(graph)
    hidden: set[str] = set()
    for start, end in cut:
        members = graph.operators[start:end]
        if end - start == 1:
            operators.append(members[0])
            continue
        stream = build_stream(graph, members, stage_contracts=kernels)
        if stream is None:
            return None
        operators.append(Operator(name=stream.name, inputs=stream.inputs, output=stream.output))
        contracts[stream.name] = contract_of(graph, stream)
        hidden |= {each.output for each in members[:-1]}
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in hidden}
    return plan_graph(replace(graph, operators=tuple(operators), tensors=tensors), contracts).arena_bytes


@given(graph=nets(most_blocks=3))
@settings(max_examples=40, deadline=None)
def test_no_cut_of_a_small_network_is_below_the_bound(graph: Graph) -> None:
    plan = plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=kernels)
    every = [found for cut in cuts(len(graph.operators)) if (found := arena_of_cut(graph, cut)) is not None]
    assert plan.lower_bound_bytes <= min(every)
    if plan.proven:
        assert plan.arena_bytes == min(every)


@given(graph=nets(), strips=st.sampled_from([1.0, 1.3, 2.0]))
@settings(max_examples=40, deadline=None)
def test_no_lever_makes_the_arena_larger(graph: Graph, strips: float) -> None:
    streamed = arena(graph, replace(STREAMED, max_recompute=strips))
    assert streamed <= arena(graph, STREAMED) <= arena(graph, Levers(fused_pools=True)) <= arena(graph, Levers())


@given(graph=nets(), factor=st.sampled_from([1.0, 1.2, 2.0]))
@settings(max_examples=40, deadline=None)
def test_plans_say_where_everything_lies_and_repeat(graph: Graph, factor: float) -> None:
    levers = replace(STREAMED, max_recompute=factor)
    plan = plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels)
    executed = [*plan.schedule, *(name for stream in plan.streams.values() for name in stream.operators)]
    views = {each.name for each in graph.operators if isinstance(each, Concat)}
    assert {*executed} | views == {operator.name for operator in graph.operators}
    assert len(executed) == len({*executed}) + len(plan.streams), "streams are named after their last operators"
    for stream in plan.streams.values():
        assert {*stream.inputs, stream.output} <= plan.offset_of_tensor.keys()
    again = plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels)
    assert (again.arena_bytes, again.offsets, again.schedule) == (plan.arena_bytes, plan.offsets, plan.schedule)
