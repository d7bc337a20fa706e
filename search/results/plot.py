"""Draws the Pareto front: the first objective over the others.

With four objectives or more, the last one is the colour of the points. So by default the error stands over RAM and over
flash, with the latency as colour. Dashed lines are the limits: the user's, and the sizes of the board's memories where
they lie near the points. Diamonds are baselines (`sparse-mcu baselines`).
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.baselines.result import BaselinesReport, MethodResult
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.results.figures import LEAST_PERCENT, empty_figure, save_figure, scale_by_logarithm
from sparse_mcu.search.results.front import is_feasible, pareto_front, successes
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

_PANEL_INCHES = (5.5, 4.6)
_PANELS_IN_A_ROW = 3
_LEAST_FOR_COLOUR = 4
_NEAR = 2.0
_MARGIN = 1.1
_TRIAL = "trial"
_UNITS = {"share": "%", "B": "bytes"}

_Pairs = Sequence[tuple[Trial, Success]]


def draw_front(trials: Sequence[Trial], settings: Settings, baselines: BaselinesReport | None = None) -> Figure:
    """Draws the front over the dominated trials. Trials that do not fit or exceed a limit are crosses.

    Args:
        trials: The trials of the study.
        settings: The settings of the study.
        baselines: Other methods on the same data, to compare with.
    """
    first, *others = settings.objectives
    colour = others.pop() if len(settings.objectives) >= _LEAST_FOR_COLOUR else None
    abscissae = others or [_TRIAL]
    front = pareto_front(trials, settings.bounds, settings.objectives)
    rows, columns = ceil(len(abscissae) / _PANELS_IN_A_ROW), min(len(abscissae), _PANELS_IN_A_ROW)
    figure = empty_figure(_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows)
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    points: PathCollection | None = None
    for panel, name in zip(axes.flat, abscissae, strict=False):
        _draw_dominated(panel, trials, settings, (name, first))
        points = _draw_front(panel, front, (name, first), colour)
        if baselines is not None:
            _draw_baselines(panel, baselines.rows, (name, first))
        panel.set_xlabel(_label(name))
        if successes(trials):
            scale_by_logarithm(panel, is_plain=name == _TRIAL)
            _draw_limits(panel, settings, (name, first))
        panel.grid(visible=True, which="both", alpha=0.2)
    for panel in axes.flat[len(abscissae) :]:
        panel.set_visible(False)
    for panel in axes[:, 0]:
        panel.set_ylabel(_label(first))
    axes[0, 0].legend(loc="upper right", fontsize=8)
    if points is not None and colour is not None:
        figure.colorbar(points, ax=axes, label=_label(colour))
    figure.suptitle(f"{settings.dataset} on {settings.board}: Pareto front of {len(successes(trials))} candidates")
    return figure


def save_front(
    trials: Sequence[Trial], settings: Settings, folder: Path, baselines: BaselinesReport | None = None
) -> list[Path]:
    """Writes the picture as front.png and front.svg. Equal trials give equal bytes.

    Args:
        trials: The trials of the study.
        settings: The settings of the study.
        folder: The folder of the pictures. It is made if it does not exist.
        baselines: Other methods on the same data, to compare with.

    Returns:
        The files.
    """
    return save_figure(draw_front(trials, settings, baselines), folder, "front")


def _label(name: str) -> str:
    if name == _TRIAL:
        return _TRIAL
    kind = KINDS[name]
    prefix = "validation " if kind.known == "trained" else ""
    return f"{prefix}{kind.label} [{_UNITS.get(kind.unit, kind.unit)}]"


def _shown(pairs: _Pairs, name: str) -> list[float]:
    """Returns the numbers of an objective as a picture shows them: shares in per cent, and never zero."""
    if name == _TRIAL:
        return [float(trial.number) for trial, _ in pairs]
    values = [result.objectives[name].value for _, result in pairs]
    return [max(100 * v, LEAST_PERCENT) for v in values] if KINDS[name].unit == "share" else values


def _xy(pairs: _Pairs, names: tuple[str, str]) -> tuple[list[float], list[float]]:
    return _shown(pairs, names[0]), _shown(pairs, names[1])


def _draw_dominated(panel: Axes, trials: Sequence[Trial], settings: Settings, names: tuple[str, str]) -> None:
    feasible = [trial for trial in trials if is_feasible(trial, settings.bounds)]
    other = [trial for trial in trials if not is_feasible(trial, settings.bounds)]
    panel.scatter(*_xy(successes(feasible), names), s=18, color="0.75", label="dominated")
    panel.scatter(*_xy(successes(other), names), s=24, color="0.75", marker="x", label="beyond limits")


def _draw_front(panel: Axes, front: _Pairs, names: tuple[str, str], colour: str | None) -> PathCollection | None:
    if not front:
        return None
    xs, ys = _xy(front, names)
    shown: dict[str, Any] = {"color": "tab:blue"}
    if colour is not None:
        shades = _shown(front, colour)
        shown = {"c": shades, "norm": LogNorm(min(shades), max(*shades, min(shades) * 1.01)), "cmap": "viridis"}
    points = panel.scatter(xs, ys, s=46, edgecolors="black", zorder=3, label="front", **shown)
    for x, y, (trial, _) in zip(xs, ys, front, strict=True):
        panel.annotate(str(trial.number), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    return points


def _draw_limits(panel: Axes, settings: Settings, names: tuple[str, str]) -> None:
    """Draws a line at each limit that lies within _NEAR times the range of the axis."""
    bounds = settings.bounds.within(load_board(settings.board)).root
    right, high = panel.get_xlim()[1], panel.get_ylim()[1]
    for name, draw, most in ((names[0], panel.axvline, right), (names[1], panel.axhline, high)):
        limit = bounds.get(name)
        if limit is None:
            continue
        shown = 100 * limit if KINDS[name].unit == "share" else limit
        if shown <= most * _NEAR:
            draw(shown, color="tab:red", linestyle="--", linewidth=1, zorder=1)
    if names[0] in bounds and bounds[names[0]] <= right * _NEAR:
        panel.set_xlim(right=max(right, bounds[names[0]] * _MARGIN))


def _draw_baselines(panel: Axes, rows: Sequence[MethodResult], names: tuple[str, str]) -> None:
    """Draws the baselines that have both figures."""
    for row in rows:
        x, y = (_of_baseline(row, name) for name in names)
        if x is not None and y is not None:
            panel.scatter([x], [max(y, LEAST_PERCENT)], s=26, color="tab:orange", marker="D", zorder=2)
            panel.annotate(row.method, (x, y), xytext=(5, -9), textcoords="offset points", fontsize=7)


def _of_baseline(row: MethodResult, name: str) -> float | None:
    """Returns a figure of a baseline as pictures show it; None if only a firmware would have it, or it is another."""
    match name:
        case "error":
            return 100 * (1 - row.validation.value)
        case "ram_bytes":
            return row.ram.bytes
        case "flash_bytes":
            return None if row.on_board is None else row.on_board.flash_bytes
        case "stored_size":
            return row.size.bytes
        case "latency_ms":
            return None if row.on_board is None else row.on_board.latency_ms
        case _:
            return None
