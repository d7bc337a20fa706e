"""Which operators make a stretch, and how far each one reaches."""

from stream_cases import Net

from sparse_mcu.costmodel.graph import Window
from sparse_mcu.costmodel.memory.streaming.stretch import Reach, reach_of, stretch_of

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
HALVES = Window(kernel=(3, 3), strides=(2, 2), padding=(1, 1, 1, 1))


def test_reach_is_what_an_output_reads() -> None:
    net = Net((8, 8, 2))
    net.conv("x", 4, Window(kernel=(3, 1), strides=(2, 1), dilations=(2, 1), padding=(2, 0, 2, 0)))
    (operator,) = net.operators
    assert reach_of(operator, 0) == Reach(extent=5, stride=2, before=2)
    assert reach_of(operator, 1) == Reach()
    assert reach_of(operator, 0).end(3) == 2 * 2 + 5 - 2


def test_a_stride_makes_earlier_operators_fire_more_often() -> None:
    net = Net((8, 8, 2))
    middle = net.conv("x", 4, THREE)
    graph = net.graph(net.conv(middle, 4, HALVES))
    stretch = stretch_of(graph, graph.operators)
    assert stretch is not None
    assert (stretch.inputs, stretch.scale) == (("x",), {stretch.exit: 1, middle: 2, "x": 2})
    assert (stretch.period(0), stretch.period(1)) == (1, 2)


def test_what_somebody_outside_reads_ends_a_stretch() -> None:
    net = Net((8, 8, 2))
    one = net.conv("x", 4, THREE)
    two = net.conv(one, 4, THREE)
    graph = net.graph(two, net.add(one, two))
    assert stretch_of(graph, graph.operators[:2]) is None


def test_ways_that_disagree_about_rows_cannot_be_streamed() -> None:
    net = Net((8, 8, 2))
    one = net.conv("x", 2, THREE)
    half = net.conv(one, 2, HALVES)
    wide = net.conv(one, 2, Window(kernel=(5, 5)))
    graph = net.graph(net.add(half, wide))
    assert net.of(half) == net.of(wide)
    assert stretch_of(graph, graph.operators) is None


def test_a_global_average_may_only_be_the_last() -> None:
    net = Net((4, 4, 2))
    graph = net.graph(net.global_pool(net.conv("x", 4, THREE)))
    stretch = stretch_of(graph, graph.operators)
    assert stretch is not None
    assert stretch.ends_in_average
    assert stretch_of(graph, graph.operators[1:]) is None
