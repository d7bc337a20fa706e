"""Why an arena has the size it has: in reports and on the terminal."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli.console import console
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers, switches
from sparse_mcu.costmodel.memory.model.plan import Buffer
from sparse_mcu.costmodel.memory.placement.placement import place
from sparse_mcu.costmodel.report import AnalysisReport, LeverSaving
from sparse_mcu.simulation.analysis.analysis import analyze_model
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.cli import tables
from sparse_mcu.simulation.cli.memory_tables import short
from sparse_mcu.simulation.firmware.options import BuildOptions


def with_ram(size_bytes: int) -> Board:
    board = load_board("nucleo-l4r5zi")
    return replace(board, ram=replace(board.ram, size_bytes=size_bytes))


def analyzed(folder: Path, board: Board, *, explain: bool = False, levers: Levers = ALL) -> AnalysisReport:
    model = write_network("branched", folder)
    return analyze_model(model, board, BuildOptions(levers=levers), toolchain=None, directory=folder, explain=explain)


def shown(report: AnalysisReport, *, explain: bool = False, width: int = 80) -> str:
    with pytest.MonkeyPatch.context() as patch, console.capture() as capture:
        patch.setattr(console, "_width", width)
        tables.show_analysis(report, explain=explain)
    return capture.get()


def test_every_report_has_the_peak(tmp_path: Path) -> None:
    memory = analyzed(tmp_path, with_ram(2**20)).memory
    peak = memory.peak
    assert peak is not None
    assert memory.schedule[peak.index] == peak.step == memory.peak_step
    assert sum(live.size_bytes for live in peak.buffers) - peak.shared_bytes == peak.live_bytes
    graph = lower_model(write_network("branched", tmp_path), with_ram(2**20)).graph
    held = [tensor for live in peak.buffers for tensor in live.tensors]
    assert held
    assert all(tensor.shape == list(graph.tensor(tensor.name).shape) for tensor in held)
    assert (memory.conflict, memory.savings, memory.fidelity) == (None, None, "analysed")
    assert memory.levers["overlap"] is True


def test_ram_that_is_too_small_is_explained_without_being_asked(tmp_path: Path) -> None:
    arena = analyzed(tmp_path, with_ram(2**20)).ram.arena_bytes
    report = analyzed(tmp_path, with_ram(arena - 1))
    conflict = report.memory.conflict
    assert report.fits is False
    assert conflict is not None
    assert conflict.irreducible
    assert conflict.capacity_bytes == arena - 1
    buffers = [Buffer(each.buffer, each.size_bytes, each.start, each.end) for each in conflict.buffers]
    overlaps = [
        pair
        for pair in lower_model(write_network("branched", tmp_path), with_ram(2**20)).source.plan.overlaps
        if {pair.dying, pair.output} <= {each.name for each in buffers}
    ]
    assert place(buffers, overlaps).height_bytes == arena
    assert "does not fit" in shown(report)


def test_on_demand_it_says_why_not_a_byte_less(tmp_path: Path) -> None:
    report = analyzed(tmp_path, with_ram(2**20), explain=True)
    assert report.memory.conflict is not None
    assert report.memory.conflict.capacity_bytes == report.ram.arena_bytes - 1


def test_savings_are_what_the_levers_do(tmp_path: Path) -> None:
    report = analyzed(tmp_path, with_ram(2**20), explain=True)
    savings = report.memory.savings
    assert savings is not None
    assert [saving.lever for saving in savings] == list(switches())
    for saving in savings:
        other = analyzed(tmp_path, with_ram(2**20), levers=replace(ALL, **{saving.lever: not saving.is_on}))
        turned, now = (saving.off_bytes, saving.on_bytes) if saving.is_on else (saving.on_bytes, saving.off_bytes)
        assert (turned, now) == (other.ram.arena_bytes, report.ram.arena_bytes)
        assert other.memory.levers[saving.lever] is not saving.is_on


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    text = shown(analyzed(tmp_path, with_ram(1000)), explain=True, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "Too much for" in text
    assert "Every buffer" in text


def test_a_lever_that_would_do_is_named(tmp_path: Path) -> None:
    report = analyzed(tmp_path, with_ram(1000))
    saving = LeverSaving(lever="streaming", is_on=False, off_bytes=5000, on_bytes=900)
    memory = report.memory.model_copy(update={"savings": [saving]})
    assert "stream, turned on, gives 900 bytes" in shown(report.model_copy(update={"memory": memory}))
    saving = saving.model_copy(update={"on_bytes": 1001})
    memory = report.memory.model_copy(update={"savings": [saving]})
    assert "turned on" not in shown(report.model_copy(update={"memory": memory}))


def test_where_it_fits_no_lever_is_called_enough(tmp_path: Path) -> None:
    report = analyzed(tmp_path, with_ram(2**20), explain=True)
    saving = LeverSaving(lever="streaming", is_on=False, off_bytes=5000, on_bytes=9)
    memory = report.memory.model_copy(update={"savings": [saving]})
    text = shown(report.model_copy(update={"memory": memory}))
    assert "enough" not in text
    assert "Why not a byte less" in text


@pytest.mark.parametrize(
    ("saving", "expected"),
    [
        (
            (True, 15168, 15552, 16320),
            "turned off, other kernels are chosen, and the arena is 15,168; the present kernels would need 16,320.",
        ),
        ((True, 15168, 15552, None), "turned off, other kernels are chosen, and the arena is 15,168."),
        ((True, 15168, 15552, 15500), "the search ended before it found an equally small arena with it."),
        (
            (False, 15168, 15552, 15168),
            "turned on, other kernels are chosen, and the arena is 15,552; the present kernels would need 15,168.",
        ),
        ((False, 15168, 15552, 15400), "the search ended before it found an equally small arena with it."),
    ],
)
def test_a_lever_that_costs_says_why(tmp_path: Path, saving: tuple[bool, int, int, int | None], expected: str) -> None:
    report = analyzed(tmp_path, with_ram(2**20), explain=True)
    is_on, off_bytes, on_bytes, kept_bytes = saving
    found = LeverSaving(lever="overlap", is_on=is_on, off_bytes=off_bytes, on_bytes=on_bytes, kept_bytes=kept_bytes)
    memory = report.memory.model_copy(update={"savings": [found]})
    lines = shown(report.model_copy(update={"memory": memory}), width=200).splitlines()
    (line,) = [line for line in lines if line.startswith("overlap costs 384 bytes: ")]
    assert expected in line
    assert any("costs 384" in line and "overlap" in line for line in lines if "│" in line)
    assert "-384" not in "".join(lines)


@pytest.mark.parametrize(
    ("levers", "expected"),
    [
        (ALL, "levers on: in-place overlap concat-views folded-pads; off: fused-pools stream"),
        (
            Levers(overlap=False, in_place=False),
            "levers on: concat-views folded-pads; off: in-place overlap fused-pools",
        ),
        (Levers(streaming=True, max_recompute=1.5), "stream max-recompute=1.5; off: fused-pools"),
        (Levers(*[True] * 6), "; off: none"),
    ],
)
def test_the_levers_are_named(tmp_path: Path, levers: Levers, expected: str) -> None:
    report = analyzed(tmp_path, with_ram(2**20), levers=levers)
    assert expected in " ".join(shown(report).split())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu;conv;bias", "relu"),
        ("relu;conv.scratch", "relu scratch"),
        ("[/bold]", "[/bold]"),
        ("\x1b[31mred", "?[31mred"),
        ("x" * 99, "…" + "x" * 35),
    ],
)
def test_names_from_the_file_are_shown_as_they_are(name: str, expected: str) -> None:
    assert Text.from_markup(short(name)).plain == expected
