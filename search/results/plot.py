"""Draws the Pareto front: the error over RAM and over flash, with the latency as colour."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from sparse_mcu.search.evaluation.objectives import OBJECTIVES
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.results.front import is_feasible, pareto_front, successes
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

FORMATS = ("png", "svg")
_LATENCY = OBJECTIVES.index("latency_ms")
_PANELS = (("ram_bytes", "RAM [bytes]"), ("flash_bytes", "flash [bytes]"))
_LEAST_PERCENT = 0.1

_Pairs = Sequence[tuple[Trial, Success]]


def draw_front(trials: Sequence[Trial], settings: Settings) -> Figure:
    """Draws the front over the dominated trials. Trials that do not fit or exceed a limit are crosses."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    front = pareto_front(trials, settings.bounds)
    latencies = [result.objectives.values[_LATENCY] for _, result in front]
    norm = LogNorm(min(latencies), max(*latencies, min(latencies) * 1.01)) if latencies else None
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    points: PathCollection | None = None
    for panel, (objective, label) in zip(axes, _PANELS, strict=True):
        _draw_dominated(panel, trials, settings, objective)
        points = _draw_front(panel, front, objective, norm)
        panel.set_xlabel(label)
        if successes(trials):
            scale_by_logarithm(panel)
        panel.grid(visible=True, which="both", alpha=0.2)
    axes[0].set_ylabel("validation error, int8 [%]")
    axes[0].legend(loc="upper right", fontsize=8)
    if points is not None:
        figure.colorbar(points, ax=axes, label="latency [ms]")
    figure.suptitle(f"{settings.dataset} on {settings.board}: Pareto front of {len(successes(trials))} candidates")
    return figure


def save_front(trials: Sequence[Trial], settings: Settings, folder: Path) -> list[Path]:
    """Writes the picture as front.png and front.svg. Equal trials give equal bytes.

    Args:
        trials: The trials of the study.
        settings: The settings of the study.
        folder: The folder of the pictures. It is made if it does not exist.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw_front(trials, settings)
    paths = [folder / f"front.{suffix}" for suffix in FORMATS]
    with mpl.rc_context({"svg.hashsalt": "sparse-mcu"}):
        figure.savefig(paths[0], dpi=150)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _xy(pairs: _Pairs, objective: str) -> tuple[list[float], list[float]]:
    index = OBJECTIVES.index(objective)
    values = [result.objectives.values for _, result in pairs]
    return [v[index] for v in values], [max(100 * v[0], _LEAST_PERCENT) for v in values]


def scale_by_logarithm(panel: Axes) -> None:
    """Gives both axes a logarithmic scale with plain numbers. Something must be drawn already."""
    panel.set(xscale="log", yscale="log")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _draw_dominated(panel: Axes, trials: Sequence[Trial], settings: Settings, objective: str) -> None:
    feasible = [trial for trial in trials if is_feasible(trial, settings.bounds)]
    other = [trial for trial in trials if not is_feasible(trial, settings.bounds)]
    panel.scatter(*_xy(successes(feasible), objective), s=18, color="0.75", label="dominated")
    panel.scatter(*_xy(successes(other), objective), s=24, color="0.75", marker="x", label="beyond limits")


def _draw_front(panel: Axes, front: _Pairs, objective: str, norm: LogNorm | None) -> PathCollection | None:
    if not front:
        return None
    xs, ys = _xy(front, objective)
    latencies = [result.objectives.values[_LATENCY] for _, result in front]
    points = panel.scatter(
        xs, ys, c=latencies, norm=norm, cmap="viridis", s=46, edgecolors="black", zorder=3, label="front"
    )
    for x, y, (trial, _) in zip(xs, ys, front, strict=True):
        panel.annotate(str(trial.number), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    return points
