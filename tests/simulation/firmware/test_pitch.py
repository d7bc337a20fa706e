"""Concats of channels that nobody executes: their inputs are written pixel by pixel into the wide output."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from firmware_builds import BATCHES, target_toolchains, written_quickly
from guarded import UNITS, Builder, assert_same, run_guarded
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import AT_A_PITCH, assert_computed, batches
from layer_cases import LayerCase, graph_of, random_inputs

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    AveragePool2d,
    Clamp,
    Concat,
    MaxPool2d,
    Operator,
    Requantize,
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

_CHANNELS = 3
CONCATS = replace(NONE, concat_views=True)


def joined(cases: Sequence[LayerCase]) -> Graph:
    """Each layer's output between two other tensors in a Concat of channels; the layers run last."""
    base = graph_of(cases)
    tensors, layers = {**base.tensors}, {operator.output: operator for operator in base.operators}
    before: list[Operator] = []
    after: list[Operator] = []
    sides: list[str] = []
    for number, output in enumerate(base.outputs):
        tensor = base.tensor(output)
        pieces = [output]
        for side, extra in (("low", 1 + number % 3), ("high", 2)):
            source, name = f"source_{side}{number}", f"{side}{number}"
            shape = (*tensor.shape[:-1], extra)
            tensors |= {key: replace(tensor, name=key, shape=shape) for key in (source, name)}
            copy = rescale_for(0.5, 255, where="")
            before.append(Requantize(name=name, inputs=(source,), output=name, rescale=copy, clamp=Clamp()))
            sides.append(source)
            pieces.insert(0 if side == "low" else 2, name)
        wide = replace(tensor, name=f"wide{number}", shape=(*tensor.shape[:-1], tensor.shape[-1] + 3 + number % 3))
        tensors[wide.name] = wide
        join = Concat(name=wide.name, inputs=tuple(pieces), output=wide.name, axis=len(tensor.shape) - 1)
        after += [layers[output], join]
    outputs = tuple(operator.output for operator in after if operator.name.startswith("wide"))
    return Graph("joined", "0" * 64, tensors, (*before, *after), (*base.inputs, *sides), outputs)


def test_every_kernel_that_takes_a_pitch_is_tested_here() -> None:
    found = {name for name, kernel in BY_NAME.items() if "takes_pitch=" in inspect.getsource(kernel)}
    assert found == {*AT_A_PITCH}


@pytest.mark.parametrize("kernel", AT_A_PITCH)
@settings(BATCHES, max_examples=2)
@given(data=st.data())
def test_a_kernel_writes_its_own_channels_of_a_wider_output(kernel: str, data: st.DataObject) -> None:
    batch = data.draw(batches(kernel))
    board = batch.board
    graph = joined(batch.cases)
    layers = [operator for operator in graph.operators if operator.name.startswith("node/")]
    source = written_quickly(
        graph, board, CONCATS, settled=batch.settled, executed=[operator.name for operator in layers]
    )
    assert_computed(batch, source)
    chosen = select_kernels(graph, board.core, kernels=batch.settled)
    tensors = [graph.output_of(each) for each in layers if chosen[each.name].takes_pitch]
    maps = {tensor.name for tensor in tensors if tensor.size_bytes > tensor.shape[-1]}
    assume(maps)
    assert maps <= source.plan.pitch_of_tensor.keys()
    inputs = random_inputs(graph, data.draw(st.integers(0, 99)))
    expected = run_reference(graph, inputs)
    assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)


def squeezed(builder: Builder, source: str, channels: int) -> str:
    return builder.conv(source, channels, Window(kernel=(1, 1)))


def branch(builder: Builder, source: str, kind: str, channels: int) -> str:
    """One branch of a module; all keep height and width."""
    window, shape = Window(kernel=(3, 3), padding=(1, 1, 1, 1)), builder.shape(source)
    rescale = rescale_for(1 / 9, 255 * 9, where="")
    if kind == "pointwise":
        made = squeezed(builder, source, channels)
    elif kind == "reduced":
        made = builder.conv(squeezed(builder, source, 3), channels, window)
    elif kind == "pool":
        made = builder.add(MaxPool2d, (source,), shape, window=window, clamp=Clamp())
    elif kind == "average":
        made = builder.add(AveragePool2d, (source,), shape, window=window, rescale=rescale, clamp=Clamp())
    elif kind == "requantized":
        made = builder.add(Requantize, (source,), shape, rescale=rescale, clamp=Clamp())
    else:
        made = builder.conv(source, channels, window, depthwise=kind == "depthwise")
    return made


KINDS = ["pointwise", "pointwise", "padded", "padded", "reduced", "pool", "average", "requantized", "depthwise"]


@st.composite
def fire_networks(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Graph:
    """Modules like SqueezeNet's and Inception's, one after the other: branches whose channels are joined, or nested."""
    builder = Builder()
    source = "x"
    for _ in range(draw(st.integers(1, 3))):
        source = squeezed(builder, source, draw(st.integers(2, 5)))
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=4))
        parts = [branch(builder, source, kind, draw(st.integers(3, 8))) for kind in kinds]
        if len(parts) > 2 and draw(st.booleans()):
            parts = [join(builder, parts[:2]), *parts[2:]]
        if draw(st.booleans()):
            parts.append(draw(st.sampled_from([source, "spare"])))
            parts[-1] = branch(builder, source, "padded", 4) if parts[-1] == "spare" else parts[-1]
        source = join(builder, parts)
        if draw(st.booleans()):
            _, height, width, channels = builder.shape(source)
            window = Window(kernel=(2, 2), padding=(0, 0, 1, 1), strides=(1, 2))
            half = (1, height, (width - 1) // 2 + 1, channels)
            source = builder.add(MaxPool2d, (source,), half, window=window, clamp=Clamp())
    squeezed(builder, source, 5)
    return builder.graph()


def join(builder: Builder, parts: Sequence[str]) -> str:
    shape = builder.shape(parts[0])
    return builder.add(
        Concat, tuple(parts), (*shape[:-1], sum(builder.shape(part)[-1] for part in parts)), axis=_CHANNELS
    )


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=6)
@given(
    graph=fire_networks(),
    levers=st.sampled_from([ALL, CONCATS, Levers(in_place=False)]),
    board_name=st.sampled_from(["microbit", "nucleo-l4r5zi"]),
    seed=st.integers(0, 99),
)
def test_modules_compute_the_same_without_their_concats(
    graph: Graph, levers: Levers, board_name: str, seed: int
) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, seed)
    both = (levers, replace(levers, concat_views=False))
    on, off = (generate_firmware(graph, board, BuildOptions(levers=each, optimise="flash")) for each in both)
    expected = run_reference(graph, inputs)
    for source in (on, off, written_quickly(graph, board, CONCATS, executed=())):
        assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)
    assert not off.plan.pitch_of_tensor
    assert on.plan.arena_bytes <= off.plan.arena_bytes or not on.plan.proven


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=2)
@given(graph=fire_networks(), board_name=st.sampled_from(["nucleo-g0b1re", "bluepill", "nucleo-l4r5zi"]))
def test_modules_run_on_cores(graph: Graph, board_name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    board, inputs = load_board(board_name), random_inputs(graph, 5)
    toolchain = find_toolchain(target_toolchains()[0])
    expected = run_reference(graph, inputs)
    for source in (
        generate_firmware(graph, board, BuildOptions(levers=NONE)),
        written_quickly(graph, board, CONCATS, executed=()),
    ):
        built = build_model(LoweredModel(graph, board, source), toolchain, tmp_path_factory.mktemp("fire"))
        found = measure(built, find_engine("unicorn"), inputs, 200_000_000)
        assert_same(graph, found.outputs, expected)
        assert found.arena_bytes <= source.plan.arena_bytes


def fire(builder: Builder, source: str, squeeze: int, expand: int) -> str:
    source = squeezed(builder, source, squeeze)
    return join(builder, [branch(builder, source, kind, expand) for kind in ("pointwise", "padded")])


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_a_fire_module_needs_its_squeezed_and_its_wide_map_only(board_name: str) -> None:
    builder = Builder()
    builder.tensors["x"] = replace(builder.tensors["x"], shape=(1, 12, 12, 8))
    source = fire(builder, fire(builder, "x", 4, 16), 4, 16)
    squeezed(builder, source, 2)
    graph, board = builder.graph(), load_board(board_name)
    inputs = random_inputs(graph, 1)
    sources = [
        generate_firmware(graph, board, BuildOptions(levers=each)) for each in (replace(ALL, concat_views=False), ALL)
    ]
    without, with_views = (source.plan for source in sources)
    wide, narrow = 12 * 12 * 32, 12 * 12 * 4
    scratch = max(buffer.size_bytes for buffer in with_views.buffers if buffer.name.endswith(".scratch"))
    assert with_views.proven
    assert with_views.arena_bytes <= wide + narrow + scratch < without.arena_bytes
    assert len(with_views.pitch_of_tensor) == 4
    assert len(with_views.schedule) == len(graph.operators) - 2
    for each in sources:
        assert_same(graph, run_guarded(graph, each, inputs, core=board.core), run_reference(graph, inputs))


def test_what_must_lie_side_by_side_is_not_torn_apart() -> None:
    """The graph's inputs and outputs, and what a kernel reads that cannot do so at a pitch."""
    builder = Builder()
    builder.tensors["x"] = replace(builder.tensors["x"], quantization=UNITS)
    left, right = (branch(builder, "x", kind, 4) for kind in ("pointwise", "padded"))
    join(builder, [left, right])
    builder.add(Transpose, (right,), (1, 4, 6, 4), permutation=(0, 2, 1, 3))
    join(builder, ["x", branch(builder, "x", "pointwise", 4)])
    graph, board = builder.graph(), load_board("nucleo-l4r5zi")
    assert not generate_firmware(graph, board, BuildOptions(levers=CONCATS)).plan.pitch_of_tensor
    kept = replace(
        graph,
        tensors={name: graph.tensor(name) for name in ("x", left, right, "t2")},
        operators=graph.operators[:3],
        outputs=(left, "t2"),
    )
    assert not generate_firmware(kept, board).plan.pitch_of_tensor
    assert generate_firmware(replace(kept, outputs=("t2",)), board, BuildOptions(levers=CONCATS)).plan.pitch_of_tensor
    inputs = {"x": np.arange(graph.tensor("x").size_bytes, dtype=np.int8).reshape(graph.tensor("x").shape)}
    found = run_guarded(graph, generate_firmware(graph, board), inputs, core=board.core)
    assert_same(graph, found, run_reference(graph, inputs))
