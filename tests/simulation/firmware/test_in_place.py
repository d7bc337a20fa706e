"""Layers whose output lies exactly over their input: the same values as with memory of their own."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from firmware_builds import BATCHES, target_toolchains
from guarded import Builder, assert_same, run_guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Window
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.kernels import BY_NAME
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

BOARDS_OF = {"depthwise_planes": ["nucleo-l4r5zi", "nucleo-h743zi2"], "depthwise_bytes": ["nucleo-g0b1re", "bluepill"]}


@st.composite
def chains(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Depthwise layers, each as large as its input, of any odd kernel; and a last one that shrinks."""
    builder, size = Builder(), st.integers(2, 7)
    shape = (1, draw(size), draw(size), draw(size))
    builder.tensors["x"] = replace(builder.tensors["x"], shape=shape)
    source = "x"
    for _ in range(draw(st.integers(1, 3))):
        height, width = draw(st.sampled_from([1, 3, 5])), draw(st.sampled_from([1, 3, 5]))
        padding = (height // 2, width // 2, height // 2, width // 2)
        source = builder.conv(source, 0, Window(kernel=(height, width), padding=padding), depthwise=True)
    builder.conv(source, 0, Window(kernel=(2, 2), strides=(2, 1)), depthwise=True)
    return builder.graph()


def test_every_such_kernel_is_tested_here() -> None:
    found = {name for name, kernel in BY_NAME.items() if "in_place=True" in inspect.getsource(kernel)}
    assert found == BOARDS_OF.keys()


@pytest.mark.parametrize("kernel", BOARDS_OF)
@settings(BATCHES, max_examples=8)
@given(data=st.data())
def test_a_layer_reads_what_it_overwrites_first(kernel: str, data: st.DataObject) -> None:
    graph, board = data.draw(chains()), load_board(data.draw(st.sampled_from(BOARDS_OF[kernel])))
    settled = {operator.name: kernel for operator in graph.operators}
    source = generate_firmware(graph, board, kernels=settled)
    assert {layer.kernel for layer in source.layers} == {kernel}
    assert len({source.plan.offset_of_tensor[name] for name in list(graph.tensors)[:-1]}) == 1
    apart = generate_firmware(graph, board, BuildOptions(levers=replace(ALL, in_place=False)), kernels=settled)
    assert source.plan.arena_bytes <= apart.plan.arena_bytes
    inputs = random_inputs(graph, data.draw(st.integers(0, 99)))
    expected = run_reference(graph, inputs)
    assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)


@pytest.mark.parametrize(
    ("kernel", "board_name"), [(kernel, name) for kernel, names in BOARDS_OF.items() for name in names]
)
@settings(BATCHES, max_examples=2)
@given(graph=chains())
def test_it_does_so_on_cores(
    kernel: str, board_name: str, graph: Graph, tmp_path_factory: pytest.TempPathFactory
) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, 3)
    source = generate_firmware(graph, board, kernels={operator.name: kernel for operator in graph.operators})
    assert {layer.kernel for layer in source.layers} == {kernel}
    lowered = LoweredModel(graph, board, source)
    built = build_model(lowered, find_toolchain(target_toolchains()[0]), tmp_path_factory.mktemp("in_place"))
    found = measure(built, find_engine("unicorn"), inputs, 100_000_000)
    assert_same(graph, found.outputs, run_reference(graph, inputs))


def two_layers(*, is_residual: bool) -> Graph:
    """One after the other; the input of the second may be added to its output."""
    builder, window = Builder(), Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    builder.tensors["x"] = replace(builder.tensors["x"], shape=(1, 24, 24, 32))
    first = builder.conv("x", 0, window, depthwise=True)
    second = builder.conv(first, 0, window, depthwise=True)
    if is_residual:
        builder.add(Add, (first, second), builder.shape(first), multipliers=(3, 5), shift=3, clamp=Clamp())
    return builder.graph()


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_balanced_counts_on_it_only_where_it_is_possible(board_name: str) -> None:
    """Planes beside their input would take half as much again as the arena that plain kernels need."""
    board, (chain, residual) = load_board(board_name), (two_layers(is_residual=each) for each in (False, True))
    size = chain.tensor("x").size_bytes
    off = replace(ALL, in_place=False)
    for graph, levers, most in ((chain, ALL, 1.4), (chain, off, 1.4), (residual, ALL, 2.4)):
        assert generate_firmware(graph, board, BuildOptions(levers=levers)).plan.arena_bytes <= most * size
    assert {layer.kernel for layer in generate_firmware(chain, board).layers} <= BOARDS_OF.keys()
