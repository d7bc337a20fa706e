"""The text of a stream: what is needed, and nothing else."""

import re
from dataclasses import replace

import pytest
from guarded import Builder
from streamed import generate_streamed

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Window
from sparse_mcu.costmodel.memory.streaming import build_stream
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.source import STREAM

SAME = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
ONE = Window(kernel=(1, 1))
BOARD = load_board("nucleo-l4r5zi")


def _chain(*windows: Window) -> Graph:
    builder, name = Builder(), "x"
    for window in windows:
        name = builder.conv(name, 4, window)
    return builder.graph()


def _code(graph: Graph, band: int = 1, strips: int = 1) -> str:
    """The stream's functions as they stand in model.c."""
    stages = StageKernels(BOARD.core, "speed")
    stream = build_stream(graph, graph.operators, band_rows=band, strips=strips, stage_contracts=stages.contract)
    assert stream is not None
    source = generate_streamed(graph, BOARD, [stream], optimise="speed")
    assert source.layers[0].kernel == STREAM
    text = source.files["model.c"].split("void model_init")[0]
    return text[text.rindex("LAYER void stream_00") :] if strips == 1 else text


def test_rows_that_need_no_padding_are_computed_without_a_condition() -> None:
    code = _code(_chain(ONE, ONE))
    assert " if (" not in code
    assert "memset" not in code
    assert "memmove" not in code
    assert "strip" not in code


def test_rows_outside_are_filled_where_they_are_read() -> None:
    code = _code(_chain(ONE, SAME))
    assert re.findall(r"memset\(rows_t0, 0, (\d+)\);", code) == [str(2 * 4 * 4)]
    assert code.count("} else {") == 1
    assert code.count("stream_00_move(rows_t0, 16, 32);") == 1
    assert "memmove" not in code


def test_rows_that_are_not_whole_words_move_byte_by_byte() -> None:
    builder = Builder()
    builder.conv(builder.conv("x", 3, Window(kernel=(1, 2))), 4, SAME)
    code = _code(builder.graph())
    assert code.count("memmove(rows_t0, rows_t0 + 9, 18);") == 1
    assert "stream_00_move" not in code


def test_a_stride_makes_layers_fire_every_second_tick() -> None:
    code = _code(_chain(ONE, replace(ONE, strides=(2, 1))))
    assert "if (tick % 2 == 1) {" in code
    assert "tick / 2" in code


def test_several_rows_are_computed_at_once() -> None:
    code = _code(_chain(ONE, ONE), band=3)
    assert "TICKS = 2" in code


def test_strips_load_and_store_a_part_of_each_row() -> None:
    code = _code(_chain(SAME, SAME), strips=2)
    assert "STRIPS = 2" in code
    for part in ("load_rows_x", "border_rows_t0", "store_rows_t1"):
        assert code.count(f"static void stream_00_{part}(") == 1
        assert code.count(f"    stream_00_{part}(") == 1


def test_a_strip_as_wide_as_the_tensor_begins_elsewhere_all_the_same() -> None:
    code = _code(_chain(ONE, Window(kernel=(1, 3), padding=(0, 0, 0, 2))), strips=2)
    assert "stream_00_load_rows_x(input, rows_x, tick, strip * 2);" in code


@pytest.mark.parametrize("strips", [1, 2])
def test_tensors_of_like_names_have_windows_of_their_own(strips: int) -> None:
    graph = _chain(SAME, SAME, SAME)
    names = {"t0": "a/same", "t1": "b.same"}
    operators = [
        replace(
            each,
            inputs=tuple(names.get(name, name) for name in each.inputs),
            output=names.get(each.output, each.output),
        )
        for each in graph.operators
    ]
    tensors = {names.get(name, name): replace(each, name=names.get(name, name)) for name, each in graph.tensors.items()}
    code = _code(replace(graph, operators=tuple(operators), tensors=tensors), strips=strips)
    assert len(set(re.findall(r"int8_t \*const (rows_\w+) =", code))) == (4 if strips > 1 else 3)


def test_a_stream_of_two_inputs_names_both() -> None:
    builder = Builder()
    other = builder.conv("x", 4, ONE)
    wide = builder.conv("x", 4, ONE)
    both = builder.conv(wide, 4, ONE)
    builder.add(Add, (both, other), builder.shape(both), multipliers=(3, 5), shift=3, clamp=Clamp())
    graph = builder.graph()
    stages = StageKernels(BOARD.core, "speed")
    stream = build_stream(graph, graph.operators[1:], stage_contracts=stages.contract)
    assert stream is not None
    source = generate_streamed(graph, BOARD, [stream], optimise="speed")
    assert (
        "LAYER void stream_01(const int8_t *input_0, const int8_t *input_1, int8_t *output" in source.files["model.c"]
    )
