"""Slices of channels that nobody executes, and parts of a joined map that others read too: kernels read at a pitch."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from firmware_builds import BATCHES, run_on_host, target_toolchains, written_quickly
from guarded import Builder, assert_same, channels_of, run_guarded
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import AT_A_PITCH, assert_computed, batches
from layer_cases import LayerCase, graph_of, random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    MaxPool2d,
    Operator,
    Requantize,
    Slice,
    Transpose,
    Window,
)
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.memory.model.levers import ALL, NONE, Levers
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.kernels import BY_NAME
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

VIEWS = replace(NONE, concat_views=True)
POINT = Window(kernel=(1, 1))
PADDED = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def sliced(cases: Sequence[LayerCase]) -> Graph:
    """Each layer's inputs are some channels of wider inputs of the graph."""
    base = graph_of(cases)
    tensors, cuts = {**base.tensors}, list[Operator]()
    for number, name in enumerate(base.inputs):
        tensor = base.tensor(name)
        low, high = 1 + number % 3, number % 2
        source = replace(tensor, name=f"wide/{name}", shape=(*tensor.shape[:-1], low + tensor.shape[-1] + high))
        tensors[source.name] = source
        ones = (1,) * len(tensor.shape)
        starts = (*(0,) * (len(tensor.shape) - 1), low)
        cuts.append(Slice(name=f"cut/{name}", inputs=(source.name,), output=name, starts=starts, steps=ones))
    wide = tuple(f"wide/{name}" for name in base.inputs)
    return Graph("sliced", "0" * 64, tensors, (*cuts, *base.operators), wide, base.outputs)


def test_every_kernel_that_reads_at_a_pitch_is_tested_here() -> None:
    found = {name for name, kernel in BY_NAME.items() if "reads_pitch=" in inspect.getsource(kernel)}
    assert found == {*AT_A_PITCH}


@pytest.mark.parametrize("kernel", AT_A_PITCH)
@settings(BATCHES, max_examples=2)
@given(data=st.data())
def test_a_kernel_reads_its_own_channels_of_a_wider_input(kernel: str, data: st.DataObject) -> None:
    batch = data.draw(batches(kernel))
    board = batch.board
    graph = sliced(batch.cases)
    layers = [operator for operator in graph.operators if operator.name.startswith("node/")]
    source = written_quickly(
        graph, board, VIEWS, settled=batch.settled, executed=[operator.name for operator in layers]
    )
    assert_computed(batch, source)
    chosen = select_kernels(graph, board.core, kernels=batch.settled)
    able = {name for operator in layers if chosen[operator.name].reads_pitch for name in operator.inputs}
    assume(able)
    assert able == {name for name in source.plan.pitch_of_tensor if name.startswith("in")}
    assert not {layer.operator for layer in source.layers} & {f"cut/{name}" for name in able}
    inputs = random_inputs(graph, data.draw(st.integers(0, 99)))
    expected = run_reference(graph, inputs)
    assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)


def test_a_kernel_that_cannot_is_not_made_to() -> None:
    builder = Builder()
    name = builder.add(Transpose, ("x",), (1, 4, 6, 4), permutation=(0, 2, 1, 3))
    chosen = select_kernels(builder.graph(), load_board("microbit").core)["op0"]
    assert chosen.contract.at_pitches is None
    assert chosen.at_pitches({"other": 9}) is chosen
    assert chosen.at_pitches({name: 9}).site.pitch == 9
    with pytest.raises(PlanError, match="cannot read pixels that lie apart"):
        chosen.at_pitches({"x": 9})


def concat(builder: Builder, parts: Sequence[str]) -> str:
    shape = builder.shape(parts[0])
    joined = (*shape[:-1], sum(builder.shape(part)[-1] for part in parts))
    return builder.add(Concat, tuple(parts), joined, axis=len(shape) - 1)


def added(builder: Builder, one: str, other: str) -> str:
    return builder.add(Add, (one, other), builder.shape(one), multipliers=(3, 5), shift=3, clamp=Clamp())


def layer(builder: Builder, source: str, kind: str, channels: int) -> str:
    """Something that keeps height and width."""
    shape, rescale = builder.shape(source), rescale_for(1 / 9, 255 * 9, where="")
    if kind == "pool":
        return builder.add(MaxPool2d, (source,), shape, window=PADDED, clamp=Clamp())
    if kind == "average":
        return builder.add(AveragePool2d, (source,), shape, window=PADDED, rescale=rescale, clamp=Clamp())
    if kind == "requantized":
        return builder.add(Requantize, (source,), shape, rescale=rescale, clamp=Clamp())
    window = POINT if kind == "pointwise" else PADDED
    return builder.conv(source, channels, window, depthwise=kind == "depthwise")


KINDS = st.sampled_from(["pointwise", "pointwise", "padded", "pool", "average", "requantized", "depthwise"])


@st.composite
def split_networks(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Modules whose maps are split by channels, joined to what was made of the parts, or both."""
    builder, source = Builder(), "x"
    for _ in range(draw(st.integers(1, 2))):
        source = layer(builder, source, draw(st.sampled_from(["pointwise", "padded"])), draw(st.sampled_from([6, 8])))
        channels = builder.shape(source)[-1]
        first = draw(st.integers(1, channels - 1))
        low, high = channels_of(builder, source, 0, first), channels_of(builder, source, first, channels - first)
        module = draw(st.sampled_from(["shuffle", "csp", "grown", "ghost", "rows"]))
        if module == "shuffle":
            source = concat(builder, [low, layer(builder, high, draw(KINDS), 4)])
        elif module == "csp":
            inner = added(builder, high, layer(builder, high, draw(KINDS), channels - first))
            inner = inner if builder.shape(inner) == builder.shape(high) else high
            source = concat(builder, [low, high, inner, added(builder, inner, inner)])
        elif module == "grown":
            for _ in range(draw(st.integers(1, 3))):
                source = concat(builder, [source, layer(builder, source, draw(KINDS), 3)])
        elif module == "ghost":
            part = layer(builder, source, draw(KINDS), 4)
            source = concat(builder, [part, layer(builder, part, "depthwise", 4), high])
        else:
            _, height, width, _ = builder.shape(high)
            cut = builder.add(
                Slice, (high,), (1, height - 2, width, channels - first), starts=(0, 1, 0, 0), steps=(1, 1, 1, 1)
            )
            source = layer(builder, cut, draw(KINDS), 4)
    layer(builder, source, "pointwise", 5)
    return builder.graph()


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=6)
@given(
    graph=split_networks(),
    levers=st.sampled_from([ALL, ALL, VIEWS, Levers(in_place=False)]),
    board_name=st.sampled_from(["microbit", "bluepill", "nucleo-l4r5zi"]),
    seed=st.integers(0, 99),
)
def test_networks_compute_the_same_without_their_splits(
    graph: Graph, levers: Levers, board_name: str, seed: int
) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, seed)
    both = (levers, replace(levers, concat_views=False))
    on, off = (generate_firmware(graph, board, BuildOptions(levers=each, optimise="flash")) for each in both)
    expected = run_reference(graph, inputs)
    for source in (on, off, written_quickly(graph, board, VIEWS, executed=())):
        assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)
    assert not off.plan.pitch_of_tensor
    assert on.plan.lower_bound_bytes <= off.plan.arena_bytes
    assert on.plan.arena_bytes <= off.plan.arena_bytes or not on.plan.proven


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=4)
@given(
    graph=split_networks(),
    levers=st.sampled_from([replace(ALL, streaming=True), replace(ALL, fused_pools=True)]),
    board_name=st.sampled_from(["microbit", "nucleo-l4r5zi"]),
)
def test_streams_and_splits_go_together(graph: Graph, levers: Levers, board_name: str) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, 3)
    source = generate_firmware(graph, board, BuildOptions(levers=levers))
    assert source.plan.arena_bytes <= generate_firmware(graph, board).plan.arena_bytes
    expected = run_reference(graph, inputs)
    for outputs in run_on_host(graph, source, inputs, core=board.core):
        assert_same(graph, outputs, expected)


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=2)
@given(graph=split_networks(), board_name=st.sampled_from(["nucleo-g0b1re", "bluepill", "nucleo-l4r5zi"]))
def test_splits_run_on_cores(graph: Graph, board_name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, 5)
    toolchain = find_toolchain(target_toolchains()[0])
    expected = run_reference(graph, inputs)
    for source in (generate_firmware(graph, board), written_quickly(graph, board, VIEWS, executed=())):
        built = build_model(LoweredModel(graph, board, source), toolchain, tmp_path_factory.mktemp("split"))
        found = measure(built, find_engine("unicorn"), inputs, 200_000_000)
        assert_same(graph, found.outputs, expected)
        assert found.arena_bytes <= source.plan.arena_bytes


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_a_ghost_module_needs_its_widest_map_only(board_name: str, tmp_path: Path) -> None:
    """What is made first is written over the map before, and read between what is made of it."""
    builder = Builder()
    builder.tensors["x"] = replace(builder.tensors["x"], shape=(1, 12, 12, 16))
    part = builder.conv("x", 8, POINT)
    layer(builder, concat(builder, [part, layer(builder, part, "pool", 8)]), "requantized", 16)
    graph, board = builder.graph(), load_board(board_name)
    sources = [
        generate_firmware(graph, board, BuildOptions(levers=each)) for each in (replace(ALL, concat_views=False), ALL)
    ]
    without, with_views = (source.plan for source in sources)
    wide = 12 * 12 * 16
    assert with_views.proven
    assert with_views.arena_bytes <= wide + 128 < without.arena_bytes
    assert set(with_views.pitch_of_tensor) == {"t0", "t1"}
    built = build_model(LoweredModel(graph, board, sources[1]), find_toolchain(target_toolchains()[0]), tmp_path)
    inputs = random_inputs(graph, 1)
    assert_same(
        graph, measure(built, find_engine("unicorn"), inputs, 100_000_000).outputs, run_reference(graph, inputs)
    )
