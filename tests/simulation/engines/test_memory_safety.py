"""Emulated firmware writes where its plan says and nowhere else, reads nothing else, and ends where RAM does.

Every buffer gets memory of its own between guards; the arena of the plan itself is looked at after each layer; and
RAM is cut short.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from canaries import background, broken_guards, build, outputs_of, request, spread_out, strays
from firmware_builds import BATCHES
from guarded import Arrays, assert_same, networks
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import random_inputs
from small_networks import network_graph

from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers, switches
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan
from sparse_mcu.costmodel.memory.problem.values import ALIGNMENT_BYTES
from sparse_mcu.simulation.analysis.analysis import BuiltModel
from sparse_mcu.simulation.engines import find_engine
from sparse_mcu.simulation.engines.protocol import Engine, Verdict
from sparse_mcu.simulation.reference import run_reference
from sparse_mcu.simulation.toolchain import find_toolchain

MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]
BOARDS = ["microbit", "nucleo-l4r5zi"]
STREAMED = replace(ALL, streaming=True)
STRIPS = replace(STREAMED, max_recompute=1.5)
SWITCHES = [
    Levers(**dict(zip(switches(), values, strict=True))) for values in product((False, True), repeat=len(switches()))
]


def check_guards(built: BuiltModel, engine: Engine, inputs: Arrays) -> None:
    """Over two backgrounds: the guards hold, and the outputs are the reference's."""
    plan, expected = built.lowered.source.plan, run_reference(built.lowered.graph, inputs)
    for seed in (1, 2):
        run = request(built, inputs, background(plan.arena_bytes, seed))
        result = engine.run(run)
        assert result.verdict is Verdict.FINISHED, result.detail
        (before,) = run.writes.values()
        assert broken_guards(plan, before, result.memory["arena"]) == []
        assert_same(built.lowered.graph, outputs_of(built, result), expected)


def check_layers(built: BuiltModel, engine: Engine, inputs: Arrays) -> None:
    """After each layer of the plan as it is, nothing has changed but its output and its scratch."""
    assert dict(strays(built, engine, inputs, 3)) == {step: [] for step in built.lowered.source.plan.schedule}


@pytest.mark.parametrize("network", NETWORKS)
def test_canaries_around_every_buffer_in_each_engine(engine: Engine, network: str, tmp_path: Path) -> None:
    graph, board = network_graph(network), load_board("nucleo-l4r5zi")
    built = build(graph, board, find_toolchain("zig"), tmp_path, change=spread_out)
    check_guards(built, engine, random_inputs(graph, 5))


@settings(BATCHES, max_examples=8)
@given(
    graph=networks(),
    levers=st.sampled_from([ALL, STREAMED, STRIPS]) | st.sampled_from(SWITCHES),
    board_name=st.sampled_from(BOARDS),
    seed=st.integers(0, 99),
)
def test_any_network_with_any_levers_writes_only_where_it_may(
    graph: Graph, levers: Levers, board_name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    board, engine, inputs = load_board(board_name), find_engine("unicorn"), random_inputs(graph, seed)
    folder, toolchain = tmp_path_factory.mktemp("canaries"), find_toolchain()
    check_guards(build(graph, board, toolchain, folder / "a", levers=levers, change=spread_out), engine, inputs)
    check_layers(build(graph, board, toolchain, folder / "b", levers=levers), engine, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("levers", [ALL, STREAMED, STRIPS], ids=["default", "streaming", "strips"])
@pytest.mark.parametrize("board_name", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_reference_models_write_only_where_they_may(
    model: str, board_name: str, levers: Levers, shared_data: Path, tmp_path: Path
) -> None:
    graph, board = load_graph(shared_data / "models" / f"mlperf__{model}.onnx"), load_board(board_name)
    engine, inputs, toolchain = find_engine("unicorn"), random_inputs(graph, 6), find_toolchain()
    check_guards(build(graph, board, toolchain, tmp_path / "a", levers=levers, change=spread_out), engine, inputs)
    check_layers(build(graph, board, toolchain, tmp_path / "b", levers=levers), engine, inputs)


def moved(built: BuiltModel, tensor: str, distance: int) -> BuiltModel:
    """The same firmware, with a plan that says that a tensor lies elsewhere."""
    plan = built.lowered.source.plan
    offsets = {**plan.offset_of_tensor, tensor: plan.offset_of_tensor[tensor] + distance}
    lowered = built.lowered
    wrong = replace(lowered, source=replace(lowered.source, plan=replace(plan, offset_of_tensor=offsets)))
    return replace(built, lowered=wrong)


def test_a_byte_outside_its_buffer_is_seen(tmp_path: Path) -> None:
    """The checks themselves: an output that lies partly in a guard, and one that is said to lie elsewhere."""
    graph, board = network_graph("branched"), load_board("nucleo-l4r5zi")
    engine, inputs, (output,) = find_engine("unicorn"), random_inputs(graph, 5), graph.outputs

    def shifted(plan: MemoryPlan) -> MemoryPlan:
        apart = spread_out(plan)
        offsets = {**apart.offset_of_tensor, output: apart.offset_of_tensor[output] + ALIGNMENT_BYTES}
        return replace(apart, offset_of_tensor=offsets)

    built = build(graph, board, find_toolchain("zig"), tmp_path / "a", change=shifted)
    plan = built.lowered.source.plan
    run = request(built, inputs, background(plan.arena_bytes, 1))
    (before,) = run.writes.values()
    end = plan.offsets[plan.buffer_of_tensor[output]] + graph.tensor(output).size_bytes
    broken = broken_guards(plan, before, engine.run(run).memory["arena"])
    assert broken
    assert all(end <= address < end + ALIGNMENT_BYTES for address in broken)

    built = build(graph, board, find_toolchain("zig"), tmp_path / "b")
    found = dict(strays(moved(built, output, -ALIGNMENT_BYTES), engine, inputs, 3))
    assert [step for step, addresses in found.items() if addresses] == [built.lowered.source.layers[-1].operator]


def test_ram_that_is_cut_short_is_never_a_wrong_answer(engine: Engine, tmp_path: Path) -> None:
    """Where a byte that is used lies past the end, the run ends with a typed verdict, or does not begin."""
    graph, board = network_graph("branched"), load_board("nucleo-l4r5zi")
    built, inputs = build(graph, board, find_toolchain("zig"), tmp_path), random_inputs(graph, 3)
    arena, plan = built.image.sections[".arena"], built.lowered.source.plan
    filled = background(plan.arena_bytes, 4)
    complete = engine.run(request(built, inputs, filled)).memory["arena"]
    used = int(np.flatnonzero(np.frombuffer(complete, np.uint8) != np.frombuffer(filled, np.uint8))[-1]) + 1
    assert plan.arena_bytes - ALIGNMENT_BYTES < used <= plan.arena_bytes

    def verdict(ram_bytes: int) -> Verdict | None:
        """None for a run that the engine refuses."""
        writes = {arena.address + plan.offset_of_tensor[name]: inputs[name].tobytes() for name in graph.inputs}
        shorter = replace(built.lowered.board, ram=replace(board.ram, size_bytes=ram_bytes))
        run = replace(request(built, inputs, filled), board=shorter, writes=writes, reads={})
        try:
            return engine.run(run).verdict
        except EngineError:
            return None

    base = arena.address - board.ram.origin
    assert verdict(base + used) is Verdict.FINISHED
    for cut in (1, ALIGNMENT_BYTES, 100, used // 2, used):
        assert verdict(base + used - cut) in {Verdict.BAD_MEMORY_ACCESS, None}
