"""The order in which a stream reads and writes."""

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory.model.access import safe_distance_bytes
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream


def stream_of(graph: Graph) -> Stream:
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
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
