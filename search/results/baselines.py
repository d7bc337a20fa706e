"""Draws the baselines: their error over their size, and over their RAM."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from sparse_mcu.search.baselines.result import BaselinesReport, MethodResult
from sparse_mcu.search.results.figures import LEAST_PERCENT, empty_figure, save_figure, scale_by_logarithm

_PANELS = (("size", "model size [bytes]"), ("ram", "RAM [bytes]"))
_MARGIN = 1.6
_CROWDED = 1000


def draw_baselines(report: BaselinesReport) -> Figure:
    """Draws each method as a point with its name; networks have exact costs and are filled."""
    part = "test" if report.test_fingerprint else "validation"
    figure = empty_figure(11, 4.6)
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    for panel, (cost, label) in zip(axes, _PANELS, strict=True):
        _draw(panel, report.rows, cost, part)
        panel.set_xlabel(label)
        panel.grid(visible=True, which="both", alpha=0.2)
    axes[0].set_ylabel(f"{part} error [%]")
    axes[0].legend(loc="upper right", fontsize=8)
    figure.suptitle(f"{report.dataset}: baselines")
    return figure


def save_baselines(report: BaselinesReport, folder: Path) -> list[Path]:
    """Writes the picture as baselines.png and baselines.svg. Equal reports give equal bytes.

    Args:
        report: The report.
        folder: Where the files go. It is made if it does not exist.
    """
    return save_figure(draw_baselines(report), folder, "baselines")


def _draw(panel: Axes, rows: list[MethodResult], cost: str, part: str) -> None:
    for is_network, label, colour in ((False, "cost by a formula", "white"), (True, "cost of its firmware", "black")):
        some = [row for row in rows if (row.on_board is not None) == is_network]
        xs = [getattr(row, cost).bytes for row in some]
        ys = [max(100 * (1 - getattr(row, part).value), LEAST_PERCENT) for row in some]
        panel.scatter(xs, ys, s=46, facecolors=colour, edgecolors="black", label=label)
        for index, (x, y, row) in enumerate(zip(xs, ys, some, strict=True)):
            place = (5, 4 if index % 2 else -11)  # neighbours in size may lie close together
            panel.annotate(row.method, (x, y), xytext=place, textcoords="offset points", fontsize=8)
    scale_by_logarithm(panel)
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    low, high = panel.get_xlim()
    panel.set_xlim(low, high * _MARGIN)  # room for the name of the rightmost point
    if high / low > _CROWDED:
        panel.xaxis.set_major_locator(LogLocator())
