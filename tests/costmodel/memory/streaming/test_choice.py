"""What is streamed, against all cuts of small networks."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, pairwise, product

import pytest
from guarded import networks
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stream_cases import Net, kernels, nets

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph import Concat, Graph, Operator, Window
from sparse_mcu.costmodel.graph.passes import fold_padding, remove_dead
from sparse_mcu.costmodel.memory import Budget, Levers, plan_graph
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream
from sparse_mcu.costmodel.memory.streaming.build import StageContracts
from sparse_mcu.costmodel.memory.streaming.needs import contract_of, macs_of
from sparse_mcu.costmodel.memory.streaming.orders import depth_first

STREAMED = Levers(streaming=True)


def contracts_of(graph: Graph) -> dict[str, KernelContract]:
    return {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}


def arena(graph: Graph, levers: Levers) -> int:
    return plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels).arena_bytes


def cuts(count: int) -> list[list[tuple[int, int]]]:
    """All ways to cut `count` steps into intervals."""
    walls = [[at for at in range(1, count) if bits >> at - 1 & 1] for bits in range(2 ** (count - 1))]
    return [[*pairwise([0, *each, count])] for each in walls]


def streams_of(graph: Graph, members: tuple[Operator, ...], factor: float) -> list[Stream | None]:
    """All ways to execute an interval; None: a single operator as it is."""
    if len(members) == 1:
        return [None]
    width = graph.output_of(members[-1]).shape[2] if factor > 1 else 1
    every = (build_stream(graph, members, stage_contracts=kernels, strips=strips + 1) for strips in range(width))
    return [*{stream.strips: stream for stream in every if stream}.values()]


def arenas_of_cut(graph: Graph, cut: list[tuple[int, int]], factor: float) -> Iterator[int]:
    """The arenas with each interval of several operators a stream, and with no more multiplications than allowed."""
    intervals = [graph.operators[start:end] for start, end in cut]
    most = factor * sum(macs_of(graph, each) for each in graph.operators)
    for streams in product(*(streams_of(graph, members, factor) for members in intervals)):
        ways = [*zip(streams, intervals, strict=True)]
        if sum(stream.macs if stream else macs_of(graph, members[0]) for stream, members in ways) > most:
            continue
        chosen = [stream for stream in streams if stream]
        operators = tuple(
            Operator(name=stream.name, inputs=stream.inputs, output=stream.output) if stream else members[0]
            for stream, members in ways
        )
        hidden = {each.output for stream, members in ways if stream for each in members[:-1]}
        tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in hidden}
        contracts = contracts_of(graph) | {stream.name: contract_of(graph, stream) for stream in chosen}
        yield plan_graph(replace(graph, operators=operators, tensors=tensors), contracts).arena_bytes


def branching() -> st.SearchStrategy[Graph]:
    """Networks of few operators with several readers, Concats that could be views, and several outputs."""
    graphs = networks().map(lambda graph: remove_dead(fold_padding(graph)))
    return graphs.filter(lambda graph: 0 < len(graph.operators) <= 8)


@given(graph=nets(most_blocks=3) | branching(), factor=st.sampled_from([1.0, 1.0, 1.5]))
@settings(max_examples=60, deadline=None)
def test_no_cut_of_a_small_network_is_below_the_bound(graph: Graph, factor: float) -> None:
    assume(factor == 1 or len(graph.operators) <= 6)
    levers = replace(STREAMED, max_recompute=factor)
    plan = plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels)
    orders, every = depth_first(graph), cuts(len(graph.operators))
    least = min(arena for each in orders for cut in every for arena in arenas_of_cut(each, cut, factor))
    assert plan.lower_bound_bytes <= least
    if plan.proven:
        assert plan.arena_bytes <= least, "taller bands may need less"


@given(graph=branching())
@settings(max_examples=60, deadline=None)
def test_small_branching_networks_are_proven(graph: Graph) -> None:
    assume(plan_graph(graph, contracts_of(graph)).proven)  # with many Concats that could be views it may not be
    assert plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=kernels).proven


def test_a_branch_between_what_is_streamed_waits() -> None:
    net, pointwise = Net((6, 4, 4)), Window(kernel=(1, 1))
    one, aside, other = (net.conv("x", 3, pointwise) for _ in range(3))
    graph = net.graph(aside, net.add(one, other))
    plan = plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=kernels)
    assert plan.proven
    assert [stream.operators for stream in plan.streams.values()] == [("o2", "o3")]
    assert plan.schedule == ("o0", "o3", "o1")


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


def residual_net(blocks: int = 5, channels: int = 3) -> Graph:
    """Inverted residuals, every second with a stride, and an average: four operators a block."""
    net, around = Net((32, 32, channels)), (1, 1, 1, 1)
    last = net.conv("x", 8, Window(kernel=(3, 3), strides=(2, 2), padding=around))
    for number in range(blocks):
        stride = 1 + number % 2
        wide = net.conv(last, 24, Window(kernel=(1, 1)))
        wide = net.conv(wide, 24, Window(kernel=(3, 3), strides=(stride, stride), padding=around), 24)
        narrow = net.conv(wide, 8, Window(kernel=(1, 1)))
        last = net.add(last, narrow) if stride == 1 else narrow
    return net.graph(net.global_pool(last))


def test_residual_blocks_are_streamed_through_less_than_their_input_twice() -> None:
    graph = residual_net()
    plan = plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=kernels)
    assert plan.streams
    assert plan.arena_bytes < 2 * graph.tensor("x").size_bytes < arena(graph, Levers())


def test_a_stage_whose_kernel_is_gone_when_the_stream_is_checked_is_an_error() -> None:
    graph, asked = residual_net(), count(1)

    def forgetful(last: int) -> StageContracts:
        return lambda *form: kernels(*form) if next(asked) < last else None

    plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=forgetful(10**9))
    calls, asked = next(asked) - 1, count(1)
    with pytest.raises(PlanError, match="a stage that was planned has no kernel any more"):
        plan_graph(graph, contracts_of(graph), STREAMED, stage_contracts=forgetful(calls))


def test_fused_pools_stream_a_convolution_and_its_pool() -> None:
    net = Net((16, 16, 4))
    wide = net.conv("x", 16, Window(kernel=(3, 3), padding=(1, 1, 1, 1)))
    graph = net.graph(net.relu(net.pool(wide, Window(kernel=(2, 2), strides=(2, 2)))))
    plan = plan_graph(graph, contracts_of(graph), Levers(fused_pools=True), stage_contracts=kernels)
    assert [stream.operators for stream in plan.streams.values()] == [("o0", "o1")]
    assert plan.arena_bytes < arena(graph, Levers()) / 2


def test_strips_stay_within_the_multiplications_allowed() -> None:
    graph, factor = residual_net(3, channels=1), 1.5
    contracts = contracts_of(graph)
    levers = Levers(streaming=True, max_recompute=factor)
    plan = plan_graph(graph, contracts, levers, stage_contracts=kernels)
    needed = {each.name: macs_of(graph, each) for each in graph.operators}
    streamed = {name for stream in plan.streams.values() for name in stream.operators}
    executed = sum(stream.macs for stream in plan.streams.values())
    executed += sum(macs for name, macs in needed.items() if name not in streamed)
    assert any(stream.strips > 1 for stream in plan.streams.values())
    assert sum(needed.values()) < executed <= factor * sum(needed.values())


@given(graph=branching(), factor=st.sampled_from([1.0, 1.5]))
@settings(max_examples=40, deadline=None)
def test_a_bound_holds_the_inputs_and_the_largest_output(graph: Graph, factor: float) -> None:
    levers = replace(STREAMED, max_recompute=factor)
    bound = plan_graph(graph, contracts_of(graph), levers, stage_contracts=kernels).lower_bound_bytes
    assert bound >= sum(graph.tensor(name).size_bytes for name in graph.inputs)
    assert bound >= max(graph.tensor(name).size_bytes for name in graph.outputs)


@given(graph=nets() | branching(), factor=st.sampled_from([1.0, 1.5]))
@settings(max_examples=30, deadline=None)
def test_without_time_a_plan_is_valid_and_its_bound_holds(graph: Graph, factor: float) -> None:
    levers = replace(STREAMED, max_recompute=factor)
    contracts = contracts_of(graph)
    hasty = plan_graph(graph, contracts, levers, stage_contracts=kernels, meter=Budget(seconds=0).start())
    patient = plan_graph(graph, contracts, levers, stage_contracts=kernels)
    assert hasty.lower_bound_bytes <= patient.arena_bytes
    assert hasty.lower_bound_bytes <= hasty.arena_bytes


def test_a_network_without_operators_needs_its_input() -> None:
    graph = Net((4, 4, 2)).graph("x")
    plan = plan_graph(graph, {}, STREAMED, stage_contracts=kernels)
    assert (plan.arena_bytes, plan.lower_bound_bytes) == (32, 32)
