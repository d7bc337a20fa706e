"""Streams as built: their stages, windows and calls."""

from dataclasses import replace

from stream_cases import Net, kernels

from sparse_mcu.costmodel.graph import Window
from sparse_mcu.costmodel.memory.streaming import Streams, build_stream

THREE = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def two_convolutions() -> Net:
    net = Net((8, 8, 2))
    net.conv(net.conv("x", 4, THREE), 2, THREE)
    return net


def test_windows_hold_three_rows_and_padding_is_filled() -> None:
    graph = two_convolutions().graph("t2")
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
    assert stream is not None
    assert [(each.tensor, each.rows, each.fill, each.is_loaded) for each in stream.windows] == [
        ("x", 3, 3, True),
        ("t1", 3, 3, False),
    ]
    assert [each.delay_rows for each in stream.stages] == [1, 2]
    assert stream.ticks == 8 + 2
    assert stream.operators == ("o0", "o1")
    assert stream.macs == 64 * 4 * 9 * 2 + 64 * 2 * 9 * 4


def test_strips_multiply_more_and_hold_less() -> None:
    graph = two_convolutions().graph("t2")
    whole, cut = (build_stream(graph, graph.operators, stage_contracts=kernels, strips=each) for each in (1, 4))
    assert whole is not None
    assert cut is not None
    assert cut.strips == 4
    assert cut.macs > whole.macs
    assert cut.scratch_bytes < whole.scratch_bytes


def test_an_operator_without_a_kernel_is_not_streamed() -> None:
    graph = two_convolutions().graph("t2")
    assert build_stream(graph, graph.operators, stage_contracts=lambda *_: None) is None


def test_a_stream_is_built_once_for_each_choice_of_kernels() -> None:
    net = Net((8, 8, 2))
    graph = net.graph(net.conv(net.conv("x", 2, Window(kernel=(3, 3))), 2, Window(kernel=(3, 3))))
    streams = Streams(graph)
    builder = streams.builder(graph.operators, 1, 1)
    assert builder is not None
    assert streams.builder([*graph.operators], 1, 1) is builder
    assert streams.builder(graph.operators, 2, 1) is not builder
    first = builder.build(kernels)
    assert first is not None
    assert builder.build(kernels) is first
    other = builder.build(lambda *call: replace(kernels(*call), scratch_bytes=1000))
    assert other is not None
    assert other.stream.scratch_bytes > first.stream.scratch_bytes
