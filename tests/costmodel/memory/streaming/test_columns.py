"""The columns of strips."""

from stream_cases import Net

from sparse_mcu.costmodel.graph import Window
from sparse_mcu.costmodel.memory.streaming.columns import Columns, Strips, strips_of
from sparse_mcu.costmodel.memory.streaming.stretch import stretch_of


def strips(count: int) -> tuple[str, Strips]:
    """Of two convolutions, of which the last reads 3 columns of a map of 16; and the name of that map."""
    net = Net((8, 16, 2))
    middle = net.conv("x", 2, Window(kernel=(1, 1)))
    graph = net.graph(net.conv(middle, 2, Window(kernel=(3, 3), padding=(1, 1, 1, 1))))
    stretch = stretch_of(graph, graph.operators)
    assert stretch is not None
    return middle, strips_of(stretch, count)


def test_the_example_of_the_module() -> None:
    middle, found = strips(2)
    assert found.count == 2
    assert found.columns[middle] == found.columns["x"] == Columns(first=-1, count=10, step=8)


def test_one_strip_is_whole_rows() -> None:
    middle, found = strips(1)
    assert found.are_whole
    assert found.columns[middle] == Columns(0, 16, 16)


def test_equal_strips_may_be_fewer_than_asked_for() -> None:
    assert strips(7)[1].count == 6  # strips of 3 columns
