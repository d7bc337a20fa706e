"""What all pictures of results share: their canvas, their axes and their files."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

FORMATS = ("png", "svg")
LEAST_PERCENT = 0.1
"""Errors below this are drawn here, because an axis by logarithm has no zero."""


def empty_figure(width: float, height: float) -> Figure:
    """Returns a figure that needs no screen.

    Args:
        width: Its width in inches.
        height: Its height in inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def scale_by_logarithm(panel: Axes, *, is_plain: bool = False) -> None:
    """Scales both axes by logarithm, with labels at 1, 2 and 5 of a decade; with `is_plain` only the vertical one."""
    panel.set_yscale("log")
    if not is_plain:
        panel.set_xscale("log")
    for axis in (panel.yaxis,) if is_plain else (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def save_figure(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Writes a figure as STEM.png and STEM.svg. Equal figures give equal bytes.

    Args:
        figure: The figure.
        folder: Where the files go. It is made if it does not exist.
        stem: The name of the files without suffix.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.{suffix}" for suffix in FORMATS]
    with mpl.rc_context({"svg.hashsalt": "sparse-mcu"}):
        figure.savefig(paths[0], dpi=150)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
