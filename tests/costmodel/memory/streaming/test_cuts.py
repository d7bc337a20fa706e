"""Cuts of steps into single ones and streams."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory import Levers, plan_graph, problem_of
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.streaming.cuts import Cutter
from sparse_mcu.costmodel.memory.streaming.needs import Needs, Option

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def widening() -> Graph:
    """A wide map in the middle: all three operators together never hold it whole."""
    net = Net((12, 12, 2))
    wide = net.conv("x", 16, THREE)
    wide = net.conv(wide, 16, THREE)
    return net.graph(net.conv(wide, 2, THREE))


def contracts_of(graph: Graph) -> dict[str, KernelContract]:
    return {each.name: kernels(each, graph.inputs_of(each), graph.output_of(each)) for each in graph.operators}


def cutter_of(graph: Graph, levers: Levers) -> Cutter:
    return Cutter(Needs(graph, problem_of(graph, contracts_of(graph), levers), levers, kernels))


def cutter(levers: Levers) -> Cutter:
    return cutter_of(widening(), levers)


def intervals_of(cut: Iterable[Option]) -> list[tuple[int, int]]:
    return [(each.start, each.end) for each in cut]


def test_one_stream_of_all_is_found_by_bisection() -> None:
    found = cutter(Levers(streaming=True))
    singles = max(each.need_bytes for each in found.singles)
    least = found.least_need(singles)
    assert least < singles
    cut = found.cheapest(least)
    assert cut is not None
    assert intervals_of(cut) == [(0, 3)]
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


def test_neighbours_of_a_cut_are_cuts_and_the_most_similar_come_first() -> None:
    """Of six steps the first three are streamed and the last two. What is enough for any cut rules out none."""
    net, last, enough = Net((8, 8, 2)), "x", 10**6
    for _ in range(6):
        last = net.conv(last, 2, THREE)
    graph = net.graph(last)
    found = cutter_of(graph, Levers(streaming=True))
    streams = found.needs.stream(0, 3, enough), found.needs.stream(4, 6, enough)
    options = tuple(each for each in (streams[0], found.singles[3], streams[1]) if each)
    plan = replace(plan_graph(graph, contracts_of(graph)), arena_bytes=enough)
    cuts = [intervals_of(cut) for cut in found.neighbours(options, plan)]
    for cut in cuts:
        assert (cut[0][0], cut[-1][1]) == (0, 6)
        assert all(one[1] == other[0] for one, other in pairwise(cut))
    assert len(cuts) == 15, "one for each stream of two or more neighbouring steps"
    assert cuts[:2] == [[(0, 3), (3, 4), (4, 6)]] * 2
    assert [(0, 1), (1, 4), (4, 6)] in cuts, "what is left of the first stream is a single step"
    assert [(0, 2), (2, 4), (4, 6)] in cuts, "what is left of it is a stream"
