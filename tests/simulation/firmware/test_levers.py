"""Firmware of plans that share memory: the same outputs, each layer writes only where it may, no byte is spare."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from firmware_builds import (
    BATCHES,
    STACK_BYTES,
    build_for_target,
    target_toolchains,
)
from guarded import assert_same, networks, run_guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import random_inputs
from small_networks import network_graph

from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.graph.passes import fold_padding, remove_dead
from sparse_mcu.costmodel.memory.model.levers import ALL, NONE, Levers
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import LoweredModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.engines.protocol import RunRequest, Verdict
from sparse_mcu.simulation.execution.run import measure
from sparse_mcu.simulation.firmware import FirmwareSource, generate_firmware
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

SWITCHES = [Levers(*values) for values in product([False, True], repeat=3)]
TARGETS = {
    "ad01_int8": 768,
    "kws_ref_model": 9536,
    "pretrainedResnet_quant": 33296,
    "str_ww_ref_model": 3584,
    "vww_96_int8": 36864,
}
SCRATCH = 1.05


@pytest.mark.usefixtures("examples")
@settings(BATCHES, max_examples=6)
@given(
    graph=networks(),
    levers=st.sampled_from(SWITCHES),
    pads_folded=st.booleans(),
    board_name=st.sampled_from(["microbit", "nucleo-l4r5zi"]),
    seed=st.integers(0, 99),
)
def test_every_combination_computes_the_same(
    graph: Graph, levers: Levers, *, pads_folded: bool, board_name: str, seed: int
) -> None:
    inputs = random_inputs(graph, seed)
    lowered = remove_dead(fold_padding(graph)) if pads_folded else graph
    board = load_board(board_name)
    source = generate_firmware(lowered, board, BuildOptions(levers=levers))
    assert_same(graph, run_guarded(lowered, source, inputs, core=board.core), run_reference(graph, inputs))


@pytest.mark.usefixtures("examples")
@settings(max_examples=20, deadline=None)
@given(graph=networks())
def test_a_lever_never_makes_a_proven_arena_larger(graph: Graph) -> None:
    board = load_board("nucleo-l4r5zi")
    arenas = {levers: generate_firmware(graph, board, BuildOptions(levers=levers)).plan for levers in (NONE, ALL)}
    assert arenas[ALL].lower_bound_bytes <= arenas[NONE].arena_bytes
    if arenas[ALL].proven:
        assert arenas[ALL].arena_bytes <= arenas[NONE].arena_bytes


@pytest.mark.parametrize("network", NETWORKS)
def test_the_product_of_switches_on_a_network(network: str) -> None:
    graph, board = network_graph(network), load_board("nucleo-l4r5zi")
    inputs = random_inputs(graph, 1)
    expected = run_reference(graph, inputs)
    sources = {levers: generate_firmware(graph, board, BuildOptions(levers=levers)) for levers in SWITCHES}
    for source in {source.files["model.c"]: source for source in sources.values()}.values():
        assert_same(graph, run_guarded(graph, source, inputs, core=board.core), expected)
    sizes = {levers: source.plan.arena_bytes for levers, source in sources.items()}
    assert min(sizes.values()) == sizes[ALL] < sizes[SWITCHES[0]]


@pytest.mark.parametrize("toolchain", target_toolchains())
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
@pytest.mark.parametrize("network", NETWORKS)
def test_overlapped_networks_run_on_cores(network: str, board_name: str, toolchain: str, tmp_path: Path) -> None:
    check_emulated(network_graph(network), load_board(board_name), toolchain, tmp_path)


def check_emulated(graph: Graph, board: Board, toolchain: str, folder: Path) -> FirmwareSource:
    """Run over poisoned memory, twice, against the reference; the arena's high-water mark is within the plan."""
    source = generate_firmware(graph, board)
    built = build_model(LoweredModel(graph, board, source), find_toolchain(toolchain), folder)
    inputs = random_inputs(graph, 7)
    found = measure(built, find_engine("unicorn"), inputs, 2_000_000_000)
    assert_same(graph, found.outputs, run_reference(graph, inputs))
    assert found.arena_bytes <= source.plan.arena_bytes
    return source


@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
@pytest.mark.parametrize("model", TARGETS)
def test_reference_models_reach_their_targets(model: str, board_name: str, shared_data: Path) -> None:
    graph = load_graph(shared_data / "models" / f"mlperf__{model}.onnx")
    assert generate_firmware(graph, load_board(board_name)).plan.arena_bytes <= TARGETS[model] * SCRATCH


@pytest.mark.slow
@pytest.mark.parametrize("toolchain", target_toolchains())
@pytest.mark.parametrize("board_name", ["nucleo-g0b1re", "nucleo-l4r5zi"])
@pytest.mark.parametrize("model", TARGETS)
def test_reference_models_run_at_their_targets(
    model: str, board_name: str, toolchain: str, shared_data: Path, tmp_path: Path
) -> None:
    graph = load_graph(shared_data / "models" / f"mlperf__{model}.onnx")
    source = check_emulated(graph, load_board(board_name), toolchain, tmp_path)
    assert source.plan.arena_bytes <= TARGETS[model] * SCRATCH


def _with_ram(board: Board, size_bytes: int) -> Board:
    return replace(board, ram=replace(board.ram, size_bytes=size_bytes))


@pytest.mark.parametrize("toolchain", target_toolchains())
def test_ram_one_byte_smaller_does_not_link(toolchain: str, tmp_path: Path) -> None:
    graph, board = network_graph("branched"), load_board("nucleo-l4r5zi")
    ram_bytes = STACK_BYTES + generate_firmware(graph, board).plan.arena_bytes
    exact = generate_firmware(graph, _with_ram(board, ram_bytes))
    build_for_target(exact, board.core, toolchain, tmp_path / "exact")
    smaller = generate_firmware(graph, _with_ram(board, ram_bytes - 1))
    with pytest.raises(ToolchainError, match="linking"):
        build_for_target(smaller, board.core, toolchain, tmp_path / "smaller")


def test_ram_one_byte_smaller_faults(tmp_path: Path) -> None:
    graph, board = network_graph("branched"), load_board("nucleo-l4r5zi")
    source, engine, inputs = generate_firmware(graph, board), find_engine("unicorn"), random_inputs(graph, 3)
    built = build_model(LoweredModel(graph, board, source), find_toolchain("zig"), tmp_path)
    written = measure(built, engine, inputs, 10_000_000).arena_bytes
    assert source.plan.arena_bytes - 4 < written <= source.plan.arena_bytes
    arena = built.image.sections[".arena"].address
    request = RunRequest(
        image=built.image,
        board=_with_ram(board, arena - board.ram.origin + written),
        writes={arena + source.plan.offset_of_tensor[name]: inputs[name].tobytes() for name in graph.inputs},
        reads={},
        phases=(),
        stop_address=built.image.symbols["firmware_done"].address,
        budget_instructions=10_000_000,
    )
    assert engine.run(request).verdict is Verdict.FINISHED
    smaller = engine.run(replace(request, board=_with_ram(board, request.board.ram.size_bytes - 1)))
    assert smaller.verdict is Verdict.BAD_MEMORY_ACCESS
    assert "past the end of RAM" in smaller.detail
