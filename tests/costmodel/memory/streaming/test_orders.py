"""Operators depth first, where streams are looked for."""

from guarded import networks
from hypothesis import given, settings
from stream_cases import Net

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory.streaming.orders import depth_first

POINTWISE = Window(kernel=(1, 1))


def names(graph: Graph) -> list[str]:
    return [operator.name for operator in graph.operators]


@given(graph=networks())
@settings(deadline=None)
def test_each_order_has_every_operator_behind_what_it_reads(graph: Graph) -> None:
    for ordered in depth_first(graph):
        assert sorted(names(ordered)) == sorted(names(graph))
        known = {*graph.inputs}
        for operator in ordered.operators:
            assert known.issuperset(operator.inputs)
            known.add(operator.output)


def test_each_branch_adjoins_the_operator_that_joins_them_once() -> None:
    net = Net((6, 4, 4))
    one, _, other = (net.conv("x", 3, POINTWISE) for _ in range(3))
    joined = net.add(one, other)
    graph = net.graph(joined)
    assert [names(ordered) for ordered in depth_first(graph)] == [["o1", "o0", "o2", "o3"], ["o1", "o2", "o0", "o3"]]


def test_a_long_chain_has_one_order() -> None:
    net, last = Net((2, 2, 1)), "x"
    for _ in range(3000):
        last = net.relu(last)
    graph = net.graph(last)
    assert [names(ordered) for ordered in depth_first(graph)] == [names(graph)]
