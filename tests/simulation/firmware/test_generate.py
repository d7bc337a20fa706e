"""The generated sources as a whole: reproducible, and as large as predicted."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_builds import BATCHES, STACK_BYTES, build_for_target, run_on_host, target_toolchains
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, any_layer, chain_of, graph_of, random_inputs, tensor

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Conv2d, Dense, MaxPool2d, Operator, Reshape, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Tensor
from sparse_mcu.simulation.analysis.analysis import roomy
from sparse_mcu.simulation.firmware import generate_firmware, generate_like
from sparse_mcu.simulation.reference import run_reference

BOARDS = ["microbit", "bluepill", "nucleo-f446re", "nucleo-f746zg", "nucleo-u575zi-q"]


def _conv(source: Tensor, channels: int) -> tuple[Operator, Tensor]:
    rng = np.random.default_rng(channels)
    weights = rng.integers(-128, 128, (channels, 3, 3, source.shape[3])).astype(np.int8)
    operator = Conv2d(
        name="",
        inputs=(),
        output="",
        weights=weights,
        bias=rng.integers(-999, 999, channels).astype(np.int32),
        window=Window(kernel=(3, 3), padding=(1, 1, 1, 1)),
        groups=1,
        rescale=rescale_for(rng.uniform(1e-4, 1e-3, channels), 255 * 128 * 9 * source.shape[3], where=""),
        clamp=Clamp(low=-5),
    )
    return operator, tensor((*source.shape[:3], channels), -5)


def _network() -> Graph:
    """conv, pool, conv, flatten, dense: the shape of a small classifier."""
    source = tensor((1, 8, 8, 1), -128)
    first = _conv(replace(source, name="image"), 5)
    pooled = tensor((1, 4, 4, 5), -5)
    second = _conv(pooled, 3)
    weights = np.random.default_rng(1).integers(-128, 128, (10, 48)).astype(np.int8)
    dense = Dense(
        name="",
        inputs=(),
        output="",
        weights=weights,
        bias=np.zeros(10, np.int32),
        rescale=rescale_for(0.001, 255 * 128 * 48, where=""),
        clamp=Clamp(),
    )
    pool = MaxPool2d(name="", inputs=(), output="", window=Window(kernel=(2, 2), strides=(2, 2)), clamp=Clamp())
    flat = tensor((1, 48), -5)
    flatten = Reshape(name="", inputs=(), output="")
    return chain_of(
        replace(source, name="image"),
        [first, (pool, pooled), second, (flatten, flat), (dense, tensor((1, 10), 3))],
    )


def test_the_same_graph_gives_the_same_bytes() -> None:
    board = load_board("nucleo-f446re")
    assert generate_firmware(_network(), board).files == generate_firmware(_network(), board).files


def test_a_plan_that_is_there_already_is_used() -> None:
    board = load_board("nucleo-f446re")
    first = generate_firmware(_network(), board)
    again = generate_like(_network(), board, first)
    assert again.plan is first.plan
    assert again.files == first.files


def test_layers_are_the_operators_in_the_order_of_the_plan() -> None:
    kernels = {"node/0": "conv2d_patch", "node/1": "max_pool2d", "node/2": "conv2d", "node/4": "dense"}
    source = generate_firmware(_network(), load_board("microbit"), kernels=kernels)
    assert {layer.operator: layer.kernel for layer in source.layers} == kernels
    assert tuple(layer.operator for layer in source.layers) == source.plan.schedule
    calls = re.findall(r"^    (layer_\w+)\(", source.files["model.c"].split("void model_run(void)")[1], re.MULTILINE)
    assert tuple(calls) == tuple(layer.symbol for layer in source.layers)


@pytest.mark.parametrize("board_name", BOARDS)
def test_a_network_runs_like_the_reference(board_name: str) -> None:
    graph, board = _network(), load_board(board_name)
    inputs = random_inputs(graph, 3)
    expected = run_reference(graph, inputs)
    for outputs in run_on_host(graph, generate_firmware(graph, board), inputs, core=board.core):
        for name in graph.outputs:
            np.testing.assert_array_equal(outputs[name], expected[name])


@pytest.mark.parametrize("toolchain", target_toolchains())
@BATCHES
@given(cases=st.lists(any_layer(), min_size=1, max_size=10), board_name=st.sampled_from(BOARDS))
def test_sections_are_as_large_as_predicted(
    toolchain: str, cases: list[LayerCase], board_name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    board = roomy(load_board(board_name))
    source = generate_firmware(graph_of(cases), board)
    elf = build_for_target(source, board.core, toolchain, tmp_path_factory.mktemp("sections"))
    sizes = {section.name: section["sh_size"] for section in elf.iter_sections()}
    assert sizes[".vectors"] == source.vectors_bytes == 64
    assert sizes.get(".weights", 0) == source.weights_bytes
    assert sizes.get(".constants", 0) == source.constants_bytes
    assert sizes.get(".data", 0) + sizes.get(".bss", 0) == source.static_bytes == 0
    assert sizes[".arena"] == source.plan.arena_bytes
    assert sizes[".stack"] == STACK_BYTES
    assert sizes.get(".rodata", 0) == 0
    allocated = {section.name for section in elf.iter_sections() if section["sh_flags"] & 2 and section["sh_size"]}
    assert allocated <= {".vectors", ".text", ".weights", ".constants", ".stack", ".arena"}


@pytest.mark.parametrize("toolchain", target_toolchains())
def test_the_image_has_the_symbols_that_engines_need(toolchain: str, tmp_path: Path) -> None:
    board = load_board("microbit")
    source = generate_firmware(_network(), board)
    elf = build_for_target(source, board.core, toolchain, tmp_path)
    symbols = {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
    assert symbols["__stack_bottom"] == board.ram.origin
    assert symbols["__stack_top"] == board.ram.origin + STACK_BYTES
    assert symbols["__arena_end"] - symbols["__arena_start"] == source.plan.arena_bytes
    for name in ("firmware_done", "firmware_fault", "model_run", *(layer.symbol for layer in source.layers)):
        assert symbols[name] & 1, f"{name} is no Thumb function"
    vectors = np.frombuffer(elf.get_section_by_name(".vectors").data(), np.uint32)
    assert vectors[0] == symbols["__stack_top"]
    assert vectors[1] == symbols["Reset_Handler"]
    assert set(vectors[2:]) == {symbols["firmware_fault"]}
    assert elf.get_section_by_name(".vectors")["sh_addr"] == board.flash.origin


@pytest.mark.parametrize("name", ["a*/ int x; /*", "/* nested", "tri??/graph", 'quote"s', "line\nbreak", "\\", "", "ü"])
def test_hostile_names_compile(name: str) -> None:
    graph = _network()
    hostile = replace(
        graph,
        name=name,
        operators=tuple(replace(operator, name=f"{name}{i}") for i, operator in enumerate(graph.operators)),
    )
    source = generate_firmware(hostile, load_board("bluepill"))
    inputs = random_inputs(hostile, 0)
    outputs = run_on_host(hostile, source, inputs, core=load_board("bluepill").core, runs=1)
    np.testing.assert_array_equal(outputs[0][graph.outputs[0]], run_reference(graph, inputs)[graph.outputs[0]])


def test_the_header_tells_sizes_and_scales() -> None:
    header = generate_firmware(_network(), load_board("microbit")).files["model.h"]
    assert "#define MODEL_INPUT_0_SIZE 64\n" in header
    assert "#define MODEL_INPUT_0_ZERO_POINT (-128)\n" in header
    assert "#define MODEL_OUTPUT_0_SCALE 0.0500000007f\n" in header


def test_one_tensor_may_be_both_operands() -> None:
    value = replace(tensor((1, 7), 9), name="x")
    twice = Add(name="twice", inputs=("x", "x"), output="y", multipliers=(3, 5), shift=2, clamp=Clamp())
    result = replace(tensor((1, 7), -4), name="y")
    graph = Graph("twice", "0" * 64, {"x": value, "y": result}, (twice,), ("x",), ("y",))
    board, inputs = load_board("microbit"), random_inputs(graph, 1)
    outputs = run_on_host(graph, generate_firmware(graph, board), inputs, core=board.core)
    np.testing.assert_array_equal(outputs[1]["y"], run_reference(graph, inputs)["y"])
