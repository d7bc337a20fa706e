"""The order in which a stream reads and writes."""

import pytest
from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory.model.access import NOTHING, safe_distance_bytes
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream


def stream_of(graph: Graph, strips: int = 1) -> Stream:
    stream = build_stream(graph, graph.operators, stage_contracts=kernels, strips=strips)
    assert stream is not None
    return stream


def test_a_stream_that_shrinks_channels_writes_below_what_it_reads() -> None:
    net = Net((8, 8, 8))
    graph = net.graph(net.conv(net.conv("x", 8, Window(kernel=(1, 1))), 2, Window(kernel=(1, 1))))
    (access,) = stream_of(graph).access
    assert access.lowest_read[0] == 0
    assert access.write_end[-1] == 8 * 8 * 2
    assert safe_distance_bytes(access, 8 * 8 * 8) <= 0


def test_a_stream_that_widens_must_keep_away() -> None:
    net = Net((8, 8, 2))
    graph = net.graph(net.conv(net.conv("x", 2, Window(kernel=(1, 1))), 8, Window(kernel=(1, 1))))
    (access,) = stream_of(graph).access
    assert 0 < safe_distance_bytes(access, 8 * 8 * 2) < 8 * 8 * 8


def test_every_strip_reads_row_by_row_from_its_first_column_on() -> None:
    """Rows of 12 bytes in two strips; the second one begins at column 1, two columns left of what it computes."""
    net, padded = Net((4, 6, 2)), Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    (access,) = stream_of(net.graph(net.conv(net.conv("x", 2, padded), 2, padded)), strips=2).access
    ticks = 6
    assert access.lowest_read[-ticks:].tolist() == [2, 14, 26, 38, NOTHING, NOTHING]
    assert access.write_end[-ticks:].tolist() == [0, 0, 12, 24, 36, 48]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_sum_at_the_end_may_lie_exactly_over_what_it_adds(rows: int) -> None:
    """No further down, because it writes a pixel as soon as it has read it."""
    net = Net((rows, 4, 2))
    graph = net.graph(net.add(net.conv("x", 2, Window(kernel=(1, 1))), "x"))
    (access,) = stream_of(graph).access
    assert safe_distance_bytes(access, rows * 8) == 0
