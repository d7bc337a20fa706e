"""Streams are executed on labels, and on numbers; what is changed in them is noticed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stream_cases import Net, kernels, nets

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph import Graph, Window
from sparse_mcu.costmodel.memory.checking.streams import check_stream
from sparse_mcu.costmodel.memory.model.access import safe_distance_bytes
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream


def check(graph: Graph, stream: Stream, *, closer: int = 0) -> None:
    """Check a stream whose output lies below its inputs as far as they may meet, or `closer` bytes more."""
    sizes = {name: graph.tensor(name).size_bytes for name in (*stream.inputs, stream.output)}
    offsets = {stream.output: sum(sizes.values())}
    top = offsets[stream.output] + sizes[stream.output]
    for number, (name, access) in enumerate(zip(stream.inputs, stream.access, strict=True)):
        distance = max(safe_distance_bytes(access, sizes[name]), -sizes[name]) if number == 0 else top
        offsets[name] = offsets[stream.output] + distance - closer if number == 0 else top
        top = max(top, offsets[name] + sizes[name])
    said = {stage.operator.name: kernels(stage.operator, stage.inputs, stage.output) for stage in stream.stages}
    check_stream(
        graph,
        stream,
        offsets,
        top,
        top + stream.scratch_bytes,
        {name: each.scratch_bytes for name, each in said.items()},
        {name: each.safe_distance_bytes for name, each in said.items()},
    )


@given(graph=nets(), band=st.integers(1, 4), strips=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_streams_compute_what_the_graph_says(graph: Graph, band: int, strips: int) -> None:
    """Whole networks, at the least distance between input and output that the order of access allows."""
    stream = build_stream(graph, graph.operators, stage_contracts=kernels, band_rows=band, strips=strips)
    assume(stream is not None)
    assert stream is not None
    assert stream.operators == tuple(operator.name for operator in graph.operators)
    assert stream.output == graph.outputs[0]
    check(graph, stream)


@given(graph=nets(most_blocks=3), first=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_so_do_streams_of_a_part(graph: Graph, first: int) -> None:
    stream = (
        build_stream(graph, graph.operators[first:], stage_contracts=kernels) if first < len(graph.operators) else None
    )
    assume(stream is not None)
    assert stream is not None
    check(graph, stream)


def pair(strides: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (1, 1, 1, 1)) -> tuple[Graph, Stream]:
    """Two padded 3x3 convolutions."""
    net = Net((12, 6, 4))
    middle = net.conv("x", 4, Window(kernel=(3, 3), padding=padding))
    graph = net.graph(net.conv(middle, 4, Window(kernel=(3, 3), padding=padding, strides=strides)))
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
    assert stream is not None
    return graph, stream


def changed(stream: Stream) -> Iterator[tuple[str, Stream]]:
    """Each number of a stream's windows and stages that matters, changed."""
    for index, window in enumerate(stream.windows):
        for name, value in (
            ("offset_bytes", window.offset_bytes + 24),
            ("rows", window.rows - 1),
            ("advance_rows", window.advance_rows + 1),
            ("delay_rows", window.delay_rows + 1),
            ("fill", 7),
            ("fill", None),
            ("is_loaded", not window.is_loaded),
            ("period", window.period + 1),
        ):
            windows = [*stream.windows]
            windows[index] = replace(window, **{name: value})
            yield f"window {index} {name}", replace(stream, windows=tuple(windows))
    for index, stage in enumerate(stream.stages):
        for name, value in (
            ("delay_rows", stage.delay_rows + 1),
            ("calls", stage.calls + 1),
            ("period", stage.period + 1),
        ):
            stages = [*stream.stages]
            stages[index] = replace(stage, **{name: value})
            yield f"stage {index} {name}", replace(stream, stages=tuple(stages))
    yield "ticks", replace(stream, ticks=stream.ticks - 1)
    yield "stages", replace(stream, stages=stream.stages[::-1])
    yield "scratch", replace(stream, scratch_bytes=stream.scratch_bytes - 4)


@pytest.mark.parametrize(
    ("strides", "padding"), [((1, 1), (1, 1, 1, 1)), ((2, 2), (1, 1, 1, 1)), ((1, 1), (0, 0, 1, 1))]
)
def test_every_change_is_noticed(strides: tuple[int, int], padding: tuple[int, int, int, int]) -> None:
    graph, stream = pair(strides, padding)
    check(graph, stream)
    for what, other in changed(stream):
        try:
            check(graph, other)
        except PlanError:
            continue
        pytest.fail(f"a change of {what} went unnoticed")


def test_columns_that_kernels_sweep_outside_are_written() -> None:
    net = Net((12, 6, 4))
    graph = net.graph(net.conv(net.conv("x", 4, Window(kernel=(1, 1))), 4, Window(kernel=(3, 3), padding=(1, 1, 1, 1))))
    stream = build_stream(graph, graph.operators, stage_contracts=kernels, strips=2)
    assert stream is not None
    check(graph, stream)
    loaded = next(window for window in stream.windows if window.is_loaded)
    assert loaded.column_start == -1
    others = tuple(replace(each, fill=None) if each is loaded else each for each in stream.windows)
    with pytest.raises(PlanError, match="leaves columns outside 'x' unwritten"):
        check(graph, replace(stream, windows=others))


@pytest.mark.parametrize("padding", [(0, 4, 0, 0), (0, 0, 0, 4)], ids=["before", "behind"])
def test_a_strip_may_lie_wholly_in_the_padding(padding: tuple[int, int, int, int]) -> None:
    """A kernel of one column reads none of the map there."""
    net = Net((3, 4, 2))
    graph = net.graph(net.relu(net.conv("x", 2, Window(kernel=(1, 1), padding=padding))))
    stream = build_stream(graph, graph.operators, stage_contracts=kernels, strips=4)
    assert stream is not None
    assert stream.strips == 4
    check(graph, stream)


def test_rows_hold_nothing_before_they_are_written() -> None:
    """Not even padding: nobody fills the memory of new rows before the first turn."""
    net = Net((1, 2, 4))
    graph = net.graph(net.conv(net.relu("x"), 4, Window(kernel=(1, 1), padding=(1, 0, 0, 0))))
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
    assert stream is not None
    check(graph, stream)
    (window,), (writer, reader) = stream.windows, stream.stages
    too_late = replace(stream, windows=(replace(window, delay_rows=0),), stages=(reader, replace(writer, delay_rows=0)))
    with pytest.raises(PlanError, match=r"does not find rows -1.. of 't1'"):
        check(graph, too_late)


def test_an_output_too_close_to_its_input_is_noticed() -> None:
    graph, stream = pair()
    row = 6 * 4
    with pytest.raises(PlanError, match=r"does not find rows 1.. of 'x'"):
        check(graph, stream, closer=row)


def test_kernels_may_not_write_closer_than_they_say() -> None:
    net = Net((4, 4, 4))
    graph = net.graph(net.relu(net.relu("x")))
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
    assert stream is not None
    assert stream.scratch_bytes == 16, "one row, written by the one and read by the other"
    check_stream(graph, stream, {"x": 0, "t2": 0}, 64, 80, {}, {"o1": {"t1": 0}})
    with pytest.raises(PlanError, match="before it is read"):
        check_stream(graph, stream, {"x": 64, "t2": 0}, 0, 128, {}, {})


def test_values_that_readers_want_to_differ_outside_are_not_streamed() -> None:
    net = Net((8, 8, 2))
    middle = net.conv("x", 2, Window(kernel=(1, 1)))
    padded = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    graph = net.graph(net.add(net.pool(middle, padded), net.conv(middle, 2, padded)))
    assert build_stream(graph, graph.operators, stage_contracts=kernels) is None


def test_what_no_kernel_computes_is_not_streamed() -> None:
    graph, _ = pair()
    assert build_stream(graph, graph.operators, stage_contracts=lambda *_: None) is None


def test_tensors_that_are_read_outside_stay_whole() -> None:
    net = Net((8, 8, 2))
    one = net.relu("x")
    two = net.relu(one)
    assert build_stream(net.graph(one, two), net.operators, stage_contracts=kernels) is None
    net.relu(one)
    assert build_stream(net.graph(two), net.operators[:2], stage_contracts=kernels) is None


def test_windows_that_move_first_share_the_memory_of_new_rows() -> None:
    """Four padded 3x3 convolutions on rows of 24 bytes keep two rows each; new rows take less than four more."""
    net, last = Net((12, 6, 4)), "x"
    for _ in range(4):
        last = net.conv(last, 4, Window(kernel=(3, 3), padding=(1, 1, 1, 1)))
    graph = net.graph(last)
    stream = build_stream(graph, graph.operators, stage_contracts=kernels)
    assert stream is not None
    assert any(window.moves_first for window in stream.windows)
    assert stream.scratch_bytes < (4 * 2 + 4) * 24
    check(graph, stream)
