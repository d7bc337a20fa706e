"""`simulate`: what was measured, held against what was analysed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparse_mcu.benchmarks.networks import NETWORKS, write_network
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.memory.problem.values import ALIGNMENT_BYTES
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.execution import run
from sparse_mcu.simulation.execution.run import random_inputs, simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS
from sparse_mcu.simulation.reference import run_reference


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("board", ["microbit", "nucleo-l4r5zi"])
def test_outputs_are_exact_and_memory_is_as_planned(tmp_path: Path, network: str, board: str) -> None:
    model = write_network(network, tmp_path)
    report = simulate_model(model, Target(load_board(board), "zig"), directory=tmp_path)
    assert report.outputs_match_reference
    assert report.fits
    ram = report.ram
    assert ram.measured_arena_bytes is not None
    assert 0 <= ram.arena_bytes - ram.measured_arena_bytes < ALIGNMENT_BYTES
    assert ram.stack_bytes is not None
    assert ram.measured_stack_bytes is not None
    assert 0 <= ram.stack_bytes - ram.measured_stack_bytes <= 32
    layers = report.cycles.layers
    assert 0 <= report.cycles.total - sum(layer.cycles for layer in layers) < 100
    assert all(layer.cycles >= layer.instructions * 0.4 > 0 for layer in layers)


def test_latency_and_energy_follow_from_cycles(tmp_path: Path) -> None:
    board = load_board("microbit")
    report = simulate_model(write_network("plain", tmp_path), Target(board), directory=tmp_path)
    assert report.latency_ms == pytest.approx(report.cycles.total / 16e6 * 1e3)
    assert report.energy_uj == pytest.approx(report.latency_ms * board.active_power_mw)
    assert (report.fidelity, report.cycles.fidelity) == ("emulated", "estimated")
    assert (report.latency_fidelity, report.energy_fidelity) == ("estimated", "estimated")
    assert report.power_source == board.sources["active_power_mw"]


def test_a_model_that_does_not_fit_is_run_all_the_same(tmp_path: Path) -> None:
    model, board = write_network("branched", tmp_path), load_board("microbit")
    small = replace(board, ram=replace(board.ram, size_bytes=1024), flash=replace(board.flash, size_bytes=2048))
    whole = simulate_model(model, Target(board), directory=tmp_path)
    report = simulate_model(model, Target(small), directory=tmp_path)
    assert not report.fits
    assert {missing.memory for missing in report.shortfalls} == {"ram", "flash"}
    assert report.cycles == whole.cycles
    assert report.outputs == whole.outputs


def test_the_input_decides_the_output(tmp_path: Path) -> None:
    model, board = write_network("plain", tmp_path), load_board("microbit")
    one = simulate_model(model, Target(board), directory=tmp_path)
    other = simulate_model(
        model,
        Target(board),
        directory=tmp_path,
        inputs=lambda graph: {n: -v - 1 for n, v in random_inputs(graph).items()},
    )
    assert other.outputs_match_reference
    assert one.outputs != other.outputs
    assert all(np.array(values).dtype == np.int64 for values in one.outputs.values())


def test_a_renode_script_that_repeats_the_run_is_left_on_demand(tmp_path: Path) -> None:
    model, board = write_network("plain", tmp_path), load_board("microbit")
    simulate_model(model, Target(board), directory=tmp_path / "firmware", with_replay=True)
    script = (tmp_path / "firmware" / "firmware.resc").read_text()
    assert "LoadPlatformDescription" in script
    assert (tmp_path / "firmware" / "firmware.repl").is_file()


def test_firmware_that_does_not_finish_is_a_typed_verdict(tmp_path: Path) -> None:
    model, board = write_network("plain", tmp_path), load_board("microbit")
    with pytest.raises(EngineError, match="did not finish: budget exceeded"):
        simulate_model(model, Target(board), directory=tmp_path, budget_instructions=1000)


def test_several_inputs_run_on_firmware_that_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, made, asked = write_network("plain", tmp_path), [], []

    def counting(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as build_model
        made.append(arguments)
        return build_model(*arguments, **named)

    def wrong_once(graph: Graph, inputs: dict[str, Any]) -> dict[str, Any]:
        asked.append(inputs)
        expected = run_reference(graph, inputs)
        return {name: values + (len(asked) == 2) for name, values in expected.items()}

    monkeypatch.setattr(run, "build_model", counting)
    monkeypatch.setattr(run, "run_reference", wrong_once)
    (source,) = load_graph(model).inputs
    shape = load_graph(model).tensor(source).shape
    inputs = [{source: np.full(shape, value, np.int8)} for value in (-128, 3, 90)]
    assert run.check_outputs(model, Target(load_board("microbit"), "zig"), DEFAULTS, inputs) == [True, False, True]
    assert (len(made), asked) == (1, inputs)
