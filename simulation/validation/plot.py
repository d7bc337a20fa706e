"""Draws predicted against measured cycles."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sparse_mcu.simulation.validation.items import ValidationReport

_SIZE = 9.0, 4.5


def draw(report: ValidationReport, path: Path) -> None:
    """Writes a picture: measured cycles from left to right, the error of each prediction from bottom to top.

    Args:
        report: What to draw.
        path: The file; its suffix says the format, for example .svg or .png.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axhspan(-5, 5, color="grey", alpha=0.15, linewidth=0)
    for summary in report.summary:
        items = [item for item in report.items if (item.group, item.core) == (summary.group, summary.core)]
        label = f"{summary.group}, {summary.core}: {summary.mean_absolute_percent:.1f} %"
        axes.scatter([item.measured_cycles for item in items], [item.error_percent for item in items], label=label)
        for item in items:
            axes.annotate(item.name, (item.measured_cycles, item.error_percent), fontsize=6, rotation=30)
    axes.set_xscale("log")
    axes.set_xlabel("measured cycles")
    axes.set_ylabel("error of the prediction in %")
    axes.legend(fontsize=7)
    figure.savefig(path)
