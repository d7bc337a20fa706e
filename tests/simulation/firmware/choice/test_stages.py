"""The kernels of a stream's stages: the same whenever they are asked for, and as small as is wanted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from guarded import Builder

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Clamp, Operator, Window
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.memory.model.levers import ALL
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream
from sparse_mcu.simulation.firmware import generate_firmware, generate_like
from sparse_mcu.simulation.firmware.choice.planning import choose_and_plan
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.options import OPTIMISE, BuildOptions, Optimise

M4 = load_core("cortex-m4")
SAME = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def _graph() -> Graph:
    builder = Builder()
    builder.conv(builder.conv("x", 8, SAME), 8, SAME)
    return builder.graph()


def _stream(graph: Graph, stages: StageKernels) -> Stream:
    stream = build_stream(graph, graph.operators, stage_contracts=stages.contract)
    assert stream is not None
    return stream


def test_lean_stages_need_less_memory() -> None:
    graph, fast = _graph(), StageKernels(M4, "speed")
    lean = fast.leaner({"op1"})
    first, second = _stream(graph, fast).stages
    assert fast.of(second).scratch_bytes > lean.of(second).scratch_bytes == 0
    assert lean.of(first).kernel == fast.of(first).kernel == "conv2d_biplex"
    assert _stream(graph, lean).scratch_bytes <= _stream(graph, fast).scratch_bytes


def test_a_settled_kernel_is_kept() -> None:
    graph = _graph()
    stages = StageKernels(M4, "speed", {"op0": "conv2d"})
    assert [stages.of(stage).kernel for stage in _stream(graph, stages).stages] == ["conv2d", "conv2d_biplex"]


@pytest.mark.parametrize("optimise", OPTIMISE)
def test_sources_like_others_choose_the_same(optimise: Optimise, tmp_path: Path) -> None:
    graph, board = load_graph(write_network("branched", tmp_path)), load_board("nucleo-l4r5zi")
    source = generate_firmware(graph, board, BuildOptions(levers=replace(ALL, streaming=True), optimise=optimise))
    assert source.plan.streams
    assert generate_like(graph, board, source).files == source.files


def test_an_average_with_a_multiplier_for_each_channel_is_not_streamed() -> None:
    builder = Builder()
    _, height, width, channels = builder.shape("x")
    taps = height * width
    rescale = rescale_for(np.linspace(0.5, 1.0, channels) / taps, 255 * taps, where="")
    relayed = builder.conv("x", channels, SAME)
    window = Window(kernel=(height, width))
    builder.add(AveragePool2d, (relayed,), (1, 1, 1, channels), window=window, rescale=rescale, clamp=Clamp())
    graph = builder.graph()
    assert build_stream(graph, graph.operators, stage_contracts=StageKernels(M4, "speed").contract) is None


def test_a_stage_that_no_kernel_computes_is_an_error() -> None:
    graph = _graph()
    stages = StageKernels(M4, "speed")
    unknown = replace(_stream(graph, stages).stages[0], operator=Operator(name="u", inputs=("x",), output="t0"))
    with pytest.raises(UnsupportedOperatorError, match="no kernel computes rows of Operator"):
        stages.of(unknown)


def test_nothing_is_streamed_where_that_saves_nothing() -> None:
    graph = _graph()
    _, plain, _ = choose_and_plan(graph, M4, BuildOptions("balanced"))
    _, streamed, _ = choose_and_plan(graph, M4, BuildOptions("balanced", replace(ALL, streaming=True)))
    assert bool(streamed.streams) == (streamed.arena_bytes < plain.arena_bytes)


def test_more_that_may_be_computed_again_is_never_a_larger_arena(shared_data: Path) -> None:
    """With other kernels chosen for its strips ResNet's arena was larger."""
    graph = load_graph(shared_data / "models" / "mlperf__pretrainedResnet_quant.onnx")
    streaming = replace(ALL, streaming=True)
    _, once, _ = choose_and_plan(graph, M4, BuildOptions("balanced", streaming))
    _, again, _ = choose_and_plan(graph, M4, BuildOptions("balanced", replace(streaming, max_recompute=1.5)))
    assert again.arena_bytes <= once.arena_bytes
    assert again.lower_bound_bytes <= once.lower_bound_bytes
