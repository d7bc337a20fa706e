"""A gain is counted at equal flash, and the picture has a line for each kind."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.report import ModelInfo, ToolInfo
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.pruning import Line, PrunedNetwork, PruningReport, gain_at_equal_flash
from sparse_mcu.search.results.pruning_plot import draw_pruning, save_pruning
from sparse_mcu.search.results.training import Accuracy

TOOL = ToolInfo(name="tool", version="1")


def row(line: Line, flash: int, validation: float, test: float | None = None) -> PrunedNetwork:
    accuracy = Accuracy(
        float=validation,
        validation=validation,
        test=test,
        validation_images=10,
        test_images=None if test is None else 10,
    )
    return PrunedNetwork(
        network="dense",
        line=line,
        strength=None if line == "unpruned" else 0.5,
        accuracy=accuracy,
        weight_counts=None,
        weights_bytes=1,
        stored_bytes=2,
        flash_bytes=flash,
        ram_bytes=3,
        latency_ms=1.0,
        fits=True,
        model=ModelInfo(name="x", sha256="0" * 64),
        folder=None,
    )


ROWS = [row("unpruned", 3000, 0.95, 0.94), row("unpruned", 2000, 0.9, 0.92), row("unpruned", 1000, 0.91, 0.9)]


def test_the_rival_takes_no_more_flash_and_is_chosen_by_validation() -> None:
    pruned = row("magnitude", 2500, 0.93, 0.93)
    assert gain_at_equal_flash(pruned, [*ROWS, pruned]) == pytest.approx(0.93 - 0.9)
    assert gain_at_equal_flash(row("magnitude", 999, 0.99, 0.99), ROWS) is None
    plain = [
        each.model_copy(update={"accuracy": row("unpruned", 1, each.accuracy.validation).accuracy}) for each in ROWS
    ]
    assert gain_at_equal_flash(row("bayesian", 3000, 0.93), plain) == pytest.approx(-0.02)


def report(rows: list[PrunedNetwork]) -> PruningReport:
    return PruningReport(
        network="dense",
        dataset="digits",
        dataset_fingerprint="0" * 64,
        board="microbit",
        toolchain=TOOL,
        engine=TOOL,
        seed=0,
        recipe=Recipe(epochs=1),
        rows=rows,
        complete=True,
    )


def test_the_picture_has_a_line_for_each_kind_and_repeats_itself(tmp_path: Path) -> None:
    rows = [*ROWS, row("magnitude", 2500, 0.93, 0.93), row("bayesian", 1500, 0.9, 0.9), row("bayesian", 900, 0.8, 1.0)]
    (axes,) = draw_pruning(report(rows)).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[1000, 2000, 3000], [2500], [900, 1500]]  # type: ignore[arg-type]
    assert list(axes.lines[0].get_ydata()) == pytest.approx([10.0, 8.0, 6.0])  # type: ignore[arg-type]
    assert axes.get_ylabel().startswith("test error")
    first = [path.read_bytes() for path in save_pruning(report(rows), tmp_path)]
    assert first == [path.read_bytes() for path in save_pruning(report(rows), tmp_path)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pruning.png", "pruning.svg"]
