"""Delays, and how many rows windows hold."""

from stream_cases import Net

from sparse_mcu.costmodel.graph import Window
from sparse_mcu.costmodel.memory.streaming.rates import Rates, rates_of
from sparse_mcu.costmodel.memory.streaming.stretch import stretch_of

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def rates(*windows: Window, band: int = 1) -> tuple[list[str], Rates]:
    """Of convolutions in a row, whose input is read through a window; and the names of the tensors."""
    net, names = Net((16, 16, 2)), ["x"]
    for window in windows:
        names.append(net.conv(names[-1], 2, window))
    graph = net.graph(names[-1])
    stretch = stretch_of(graph, graph.operators)
    assert stretch is not None
    return names, rates_of(stretch, band, frozenset(["x"]))


def test_each_convolution_of_three_rows_is_delayed_by_one_more() -> None:
    names, found = rates(THREE, THREE)
    assert [found.delay[name] for name in names] == [0, 1, 2]
    assert [found.rows[name] for name in names[:2]] == [3, 3]
    assert {*found.advance.values(), *found.period.values()} == {1}


def test_pointwise_operators_hold_one_row_and_wait_for_nothing() -> None:
    names, found = rates(Window(kernel=(1, 1)), Window(kernel=(1, 1)))
    assert [found.delay[name] for name in names] == [0, 0, 0]
    assert {*found.rows.values()} == {1}


def test_a_stride_takes_two_rows_in_a_turn() -> None:
    names, found = rates(THREE, Window(kernel=(2, 2), strides=(2, 2)))
    assert (found.advance[names[1]], found.period[names[1]]) == (2, 2)
    assert found.rows[names[1]] == 2


def test_a_band_of_rows_makes_delays_whole_bands() -> None:
    names, found = rates(THREE, THREE, band=4)
    assert all(found.delay[name] % 4 == 0 for name in names)
    assert all(found.advance[name] == 4 for name in names[:2])
