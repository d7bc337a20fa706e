"""Cuts of steps into single ones and streams."""

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory import Levers, problem_of
from sparse_mcu.costmodel.memory.streaming.cuts import Cutter
from sparse_mcu.costmodel.memory.streaming.needs import Needs

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def widening() -> Graph:
    """A wide map in the middle: all three operators together never hold it whole."""
    net = Net((12, 12, 2))
    wide = net.conv("x", 16, THREE)
    wide = net.conv(wide, 16, THREE)
    return net.graph(net.conv(wide, 2, THREE))


def cutter(levers: Levers) -> Cutter:
    graph = widening()
    contracts = {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}
    return Cutter(Needs(graph, problem_of(graph, contracts, levers), levers, kernels))


def test_one_stream_of_all_is_found_by_bisection() -> None:
    found = cutter(Levers(streaming=True))
    singles = max(each.need_bytes for each in found.singles)
    least = found.least_need(singles)
    assert least < singles
    cut = found.cheapest(least)
    assert cut is not None
    assert [(each.start, each.end) for each in cut] == [(0, 3)]
    assert max(each.need_bytes for each in cut) == least
    assert found.cheapest(least - 4) is None
    assert found.bound(singles) <= least


def test_what_single_steps_reach_is_not_streamed() -> None:
    found = cutter(Levers(streaming=True))
    cut = found.cheapest(max(each.need_bytes for each in found.singles))
    assert cut is not None
    assert all(each.stream is None for each in cut)


def test_without_the_lever_only_pools_are_fused() -> None:
    found = cutter(Levers(fused_pools=True))
    singles = max(each.need_bytes for each in found.singles)
    assert found.least_need(singles) == singles
    assert found.every(singles, 64) == [tuple(found.singles)]
