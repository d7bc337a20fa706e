"""Draws the comparison of `prune`: the error over flash, one line for each kind of pruning."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparse_mcu.search.results.figures import LEAST_PERCENT, empty_figure, save_figure, scale_by_logarithm
from sparse_mcu.search.results.pruning import Line, PrunedNetwork, PruningReport
from sparse_mcu.search.space.configuration import PRUNING_KINDS

_LABELS: dict[Line, str] = {
    "unpruned": "unpruned: the network and smaller ones",
    "magnitude": "pruned by magnitude",
    "variational": "pruned by Sparse Variational Dropout",
    "bayesian": "pruned by Bayesian Compression",
}
_LINES: tuple[Line, ...] = ("unpruned", *PRUNING_KINDS)


def draw_pruning(report: PruningReport) -> Figure:
    """Draws the error over flash. It is that on the test images if they were used."""
    figure = empty_figure(7.2, 4.8)
    axes = figure.subplots()
    for line in _LINES:
        rows = sorted((row for row in report.rows if row.line == line), key=lambda row: row.flash_bytes)
        if rows:
            _draw_line(axes, line, rows)
    scale_by_logarithm(axes)
    part = "test" if any(row.accuracy.test is not None for row in report.rows) else "validation"
    axes.set(xlabel="flash [bytes], with indices", ylabel=f"{part} error, int8 [%]")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(fontsize=8)
    axes.set_title(f"{report.network}\n{report.dataset} on {report.board}", fontsize=9)
    return figure


def save_pruning(report: PruningReport, folder: Path) -> list[Path]:
    """Writes the picture as pruning.png and pruning.svg. Equal reports give equal bytes.

    Args:
        report: The comparison, with at least one network.
        folder: The folder of the pictures. It is made if it does not exist.

    Returns:
        The files.
    """
    return save_figure(draw_pruning(report), folder, "pruning")


def _draw_line(axes: Axes, line: Line, rows: Sequence[PrunedNetwork]) -> None:
    errors = [max(100 * row.error, LEAST_PERCENT) for row in rows]
    flash = [row.flash_bytes for row in rows]
    axes.plot(flash, errors, marker="o", label=_LABELS[line], color=f"C{_LINES.index(line)}")
    for row, error in zip(rows, errors, strict=True):
        if row.strength is not None:
            place = (row.flash_bytes, error)
            axes.annotate(f"{row.strength:g}", place, xytext=(4, 4), textcoords="offset points", fontsize=7)
