"""Slices that nobody executes: what reads them reads their input, from somewhere inside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from firmware_builds import BATCHES, target_toolchains
from guarded import Builder, assert_same, run_guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import Add, Clamp, Slice, Window
from sparse_mcu.costmodel.memory.model.levers import ALL, NONE, Levers
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

VIEWS = replace(NONE, concat_views=True)


def rows(builder: Builder, source: str, first: int, count: int) -> str:
    """Some rows of a map."""
    _, _, width, channels = builder.shape(source)
    return builder.add(Slice, (source,), (1, count, width, channels), starts=(0, first, 0, 0), steps=(1, 1, 1, 1))


@st.composite
def sliced_networks(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Maps of which some layers read a few rows only, slices of slices, and slices as outputs."""
    builder = Builder()
    builder.tensors["x"] = replace(builder.tensors["x"], shape=(1, 8, 3, draw(st.sampled_from([3, 4]))))
    names = ["x"]
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    for _ in range(draw(st.integers(3, 8))):
        source = draw(st.sampled_from(names[-3:]))
        _, height, _, channels = shape = builder.shape(source)
        same = [name for name in names if builder.shape(name) == shape]
        kind = draw(st.sampled_from(["conv", "depthwise", "add", "rows", "rows"]))
        if kind == "rows" and height > 1:
            first = draw(st.integers(0, height - 1))
            made = rows(builder, source, first, draw(st.integers(1, height - first)))
        elif kind == "add":
            other = draw(st.sampled_from(same))
            made = builder.add(Add, (source, other), shape, multipliers=(3, 5), shift=3, clamp=Clamp())
        else:
            made = builder.conv(source, draw(st.sampled_from([4, channels])), window, depthwise=kind == "depthwise")
        names.append(made)
    return builder.graph()


@settings(BATCHES, max_examples=12)
@given(
    graph=sliced_networks(),
    levers=st.sampled_from([ALL, VIEWS]),
    board_name=st.sampled_from(["microbit", "nucleo-l4r5zi"]),
    seed=st.integers(0, 99),
)
def test_networks_compute_the_same_without_their_slices(
    graph: Graph, levers: Levers, board_name: str, seed: int
) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, seed)
    both = (levers, replace(levers, concat_views=False))
    on, off = (generate_firmware(graph, board, BuildOptions(levers=each, optimise="flash")) for each in both)
    expected = run_reference(graph, inputs)
    for source in (on, off):
        assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)
    assert len(off.layers) == len(graph.operators)
    assert on.plan.arena_bytes <= off.plan.arena_bytes or not on.plan.proven


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_halves_of_a_map_are_read_where_they_lie(board_name: str, tmp_path: Path) -> None:
    builder = Builder()
    whole = builder.conv("x", 8, Window(kernel=(1, 1)))
    halves = [rows(builder, whole, first, 3) for first in (0, 3)]
    made = [builder.conv(half, 4, Window(kernel=(3, 3), padding=(1, 1, 1, 1))) for half in halves]
    builder.add(Add, tuple(made), builder.shape(made[0]), multipliers=(3, 5), shift=3, clamp=Clamp())
    graph, board = builder.graph(), load_board(board_name)
    source = generate_firmware(graph, board)
    without = generate_firmware(graph, board, BuildOptions(levers=replace(ALL, concat_views=False)))
    at = source.plan.offset_of_tensor
    assert (at[halves[0]], at[halves[1]]) == (at[whole], at[whole] + 3 * 4 * 8)
    assert len(source.layers) == len(graph.operators) - 2
    assert source.plan.arena_bytes < without.plan.arena_bytes
    built = build_model(LoweredModel(graph, board, source), find_toolchain(target_toolchains()[0]), tmp_path)
    inputs = random_inputs(graph, 1)
    assert_same(
        graph, measure(built, find_engine("unicorn"), inputs, 100_000_000).outputs, run_reference(graph, inputs)
    )
