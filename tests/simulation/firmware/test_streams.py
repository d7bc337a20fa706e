"""Streams executed by generated C: the reference's outputs, bit for bit, whatever the memory held before."""

from dataclasses import replace
from pathlib import Path

import pytest
from canaries import background, broken_guards, outputs_of, request, spread_out, strays
from firmware_builds import BATCHES, BOARDS, run_on_host
from guarded import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import Draw, random_inputs
from small_networks import lowered_network, network_graph
from streamed import Chain, chains, generate_streamed, graph_of_chains

from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.streaming import build_stream
from sparse_mcu.simulation.analysis.analysis import BuiltModel, build_model, roomy
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.engines.protocol import Verdict
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import FirmwareSource, generate_firmware, generate_like
from sparse_mcu.simulation.firmware.choice.stages import StageKernels
from sparse_mcu.simulation.firmware.options import OPTIMISE, BuildOptions, Optimise
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

CHAINS = st.tuples(*(chains(f"c{number}") for number in range(4)))


def streams_of(draw: Draw, graph: Graph, parts: tuple[Chain, ...], board: Board, optimise: Optimise) -> list[Stream]:
    """A stream over all of each part, or over two or more of its operators, where that can be."""
    stages = StageKernels(board.core, optimise)
    found = []
    for part in parts:
        count = len(part.operators)
        start = draw(st.sampled_from([0, 0, *range(count - 1)]))
        end = draw(st.sampled_from([count, count, *range(start + 2, count + 1)]))
        band, strips = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 1, 2, 3]))
        stretch = part.operators[start:end]
        stream = build_stream(graph, stretch, band_rows=band, strips=strips, stage_contracts=stages.contract)
        found += [stream] if stream else []
    return found


@settings(BATCHES, max_examples=6)
@given(parts=CHAINS, board_name=BOARDS, optimise=st.sampled_from(OPTIMISE), seed=st.integers(0, 99), data=st.data())
def test_streams_compute_what_the_reference_does(
    parts: tuple[Chain, ...], board_name: str, optimise: Optimise, seed: int, data: st.DataObject
) -> None:
    graph, board = graph_of_chains(parts), load_board(board_name)
    streams = streams_of(data.draw, graph, parts, board, optimise)
    source = generate_streamed(graph, board, streams, optimise=optimise)
    inputs = random_inputs(graph, seed)
    expected = run_reference(graph, inputs)
    for outputs in run_on_host(graph, source, inputs, core=board.core):
        assert_same(graph, outputs, expected)


def build(graph: Graph, board: Board, source: FirmwareSource, folder: Path) -> BuiltModel:
    """Linked for a board with all the RAM that it wants."""
    roomy_source = generate_like(graph, roomy(board), source)
    return build_model(LoweredModel(graph, roomy(board), roomy_source), find_toolchain(), folder)


@settings(BATCHES, max_examples=4)
@given(
    parts=CHAINS,
    board_name=st.sampled_from(["nucleo-g0b1re", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg"]),
    optimise=st.sampled_from(OPTIMISE),
    data=st.data(),
)
def test_emulated_streams_write_only_where_they_may(
    parts: tuple[Chain, ...],
    board_name: str,
    optimise: Optimise,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Guards around every buffer hold; in the arena as planned only outputs and working memory change."""
    graph, board, engine = graph_of_chains(parts), load_board(board_name), find_engine("unicorn")
    streams = streams_of(data.draw, graph, parts, board, optimise)
    source = generate_streamed(graph, board, streams, optimise=optimise)
    inputs, folder = random_inputs(graph, 8), tmp_path_factory.mktemp("streams")
    apart = build(graph, board, replace(source, plan=spread_out(source.plan)), folder / "a")
    run = request(apart, inputs, background(apart.lowered.source.plan.arena_bytes, 1))
    result = engine.run(run)
    assert result.verdict is Verdict.FINISHED, result.detail
    (before,) = run.writes.values()
    assert broken_guards(apart.lowered.source.plan, before, result.memory["arena"]) == []
    assert_same(graph, outputs_of(apart, result), run_reference(graph, inputs))
    packed = build(graph, board, source, folder / "b")
    found = measure(packed, engine, inputs, 2_000_000_000)
    assert_same(graph, found.outputs, run_reference(graph, inputs))
    assert [addresses for _, addresses in strays(packed, engine, inputs, 3) if addresses] == []


def check_levers(graph: Graph, board: Board, levers: Levers, folder: Path) -> FirmwareSource:
    """What the planner streams with these levers computes the reference's outputs, and uses the whole arena."""
    source = generate_firmware(graph, board, BuildOptions(levers=levers))
    inputs = random_inputs(graph, 7)
    found = measure(build(graph, board, source, folder), find_engine("unicorn"), inputs, 4_000_000_000)
    assert_same(graph, found.outputs, run_reference(graph, inputs))
    assert source.plan.arena_bytes - 4 < found.arena_bytes <= source.plan.arena_bytes
    return source


STREAMING = replace(ALL, streaming=True)
LEVERS = [replace(ALL, fused_pools=True), STREAMING, replace(STREAMING, max_recompute=1.5)]
MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]


@pytest.mark.parametrize("board_name", ["microbit", "nucleo-l4r5zi"])
@pytest.mark.parametrize("network", NETWORKS)
def test_streaming_a_network_saves_memory(network: str, board_name: str, tmp_path: Path) -> None:
    graph, board = network_graph(network), load_board(board_name)
    streamed = check_levers(graph, board, STREAMING, tmp_path / "build")
    assert streamed.plan.streams
    assert streamed.plan.arena_bytes < lowered_network(network, board_name).source.plan.arena_bytes


@pytest.mark.slow
@pytest.mark.parametrize("levers", LEVERS, ids=["fused pools", "streaming", "strips"])
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi", "nucleo-f746zg"])
@pytest.mark.parametrize("model", MODELS)
def test_streamed_reference_models(
    model: str, board_name: str, levers: Levers, shared_data: Path, tmp_path: Path
) -> None:
    graph, board = load_graph(shared_data / "models" / f"mlperf__{model}.onnx"), load_board(board_name)
    streamed = check_levers(graph, board, levers, tmp_path)
    assert streamed.plan.arena_bytes <= generate_firmware(graph, board).plan.arena_bytes
