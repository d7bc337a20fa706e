"""Reports on the terminal: nothing is wider than it, streamed layers stand below their stream."""

from pathlib import Path

import pytest

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli.console import console
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.simulation.analysis.analysis import analyze_model
from sparse_mcu.simulation.cli import tables
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.toolchain import find_toolchain


@pytest.fixture(scope="module", params=[ALL, Levers(streaming=True)], ids=["whole", "streamed"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimulationReport:
    folder = tmp_path_factory.mktemp("tables")
    model, toolchain = write_network("plain", folder), find_toolchain("zig")
    return simulate_model(
        model, Target(load_board("microbit"), toolchain.name), BuildOptions(levers=request.param), directory=folder
    )


def shown(report: SimulationReport, width: int) -> list[str]:
    with pytest.MonkeyPatch.context() as patch, console.capture() as capture:
        patch.setattr(console, "_width", width)
        tables.show_simulation(report)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_layer_takes_two(report: SimulationReport, width: int) -> None:
    lines = shown(report, width)
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if any(f" {layer.cycles:,} " in line for layer in report.cycles.layers)]
    assert len(rows) >= len(report.cycles.layers)
    assert any("instructions" in line for line in lines) == (width >= 100)


@pytest.mark.parametrize("width", [80, 120])
def test_the_causes_of_cycles_are_shown_and_sum_up(report: SimulationReport, width: int) -> None:
    cycles = report.cycles
    assert sum(cycles.causes.values()) == cycles.total
    for layer in cycles.layers:
        assert sum(layer.causes.values()) == layer.cycles
        assert layer.cycles_per_mac is None or 1 < layer.cycles_per_mac < 100
    assert sum(layer.macs is not None for layer in cycles.layers) == 4
    text = "\n".join(shown(report, width))
    assert ("cycles spent on: issue" in text) == (width < 100)
    assert ("Where the cycles go" in text) == ("per MAC" in text) == (width >= 100)
    assert f"{cycles.causes['branches'] / cycles.total:.1%}" in text


def test_what_is_streamed_is_indented(report: SimulationReport) -> None:
    inside = {name for stream in report.memory.streams for name in stream.operators}
    lines = shown(report, 120)
    indented = [line for line in lines if line.startswith("│   ")]
    streamed = [layer for layer in report.cycles.layers if layer.layer in inside and layer.kernel != "stream"]
    assert len(indented) == len(streamed)
    assert bool(streamed) == report.memory.levers["streaming"]


def test_every_number_says_its_fidelity(report: SimulationReport) -> None:
    found = (report.ram.fidelity, report.ram.measured_fidelity, report.flash.fidelity, report.memory.fidelity)
    assert found == ("analysed", "emulated", "analysed", "analysed")
    assert (report.cycles.fidelity, report.fidelity) == ("estimated", "emulated")
    text = "\n".join(shown(report, 120))
    assert "Cycles (estimated)" in text
    assert "Memory (analysed)" in text
    assert "touched (emulated)" in text


def test_the_levers_are_named(report: SimulationReport) -> None:
    text = " ".join(" ".join(shown(report, 120)).split())
    assert "levers on: in-place overlap" in text
    assert ("off: fused-pools stream" in text) != bool(report.memory.levers["streaming"])


def test_streams_are_in_the_report_and_beside_their_memory(tmp_path: Path) -> None:
    model, board = write_network("plain", tmp_path), load_board("microbit")
    report = analyze_model(
        model, board, BuildOptions(levers=Levers(streaming=True)), toolchain=None, directory=tmp_path
    )
    assert report.memory.streams
    assert all(stream.step in report.memory.schedule for stream in report.memory.streams)
    assert report.memory.peak is not None
    assert report.memory.peak.step in {stream.step for stream in report.memory.streams}
    with console.capture() as capture:
        tables.show_analysis(report)
    assert "stream of" in capture.get()
    assert "(predicted)" in capture.get()
