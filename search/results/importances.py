"""Says which choices of a network its error depends on, and draws it.

A forest of random trees learns the logarithm of the error from the choices of all complete trials. The importance of a
choice is how much worse the forest gets when the values of that choice are shuffled among the trials (Breiman, "Random
Forests", 2001). Shares are relative to the sum over all choices.

Example: without its choice of augmentation the forest explains 0.3 less of the variance, without the width of the
first block 0.1 less, and without others nothing less. The shares are 75 and 25 %.
"""

from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sparse_mcu.search.evaluation.objectives import ERROR_FLOOR
from sparse_mcu.search.results.figures import empty_figure, save_figure
from sparse_mcu.search.results.front import successes
from sparse_mcu.search.strategies.pareto import Array
from sparse_mcu.search.strategies.rivals.optuna_space import Answer, answers_of
from sparse_mcu.search.study.trial import Trial

LEAST_TRIALS = 20
"""Fewer complete trials say too little."""

_SHOWN = 12
_TREES = 32
_REPEATS = 3
_ABSENT = -1.0


def importances_of(trials: Sequence[Trial]) -> dict[str, float]:
    """Returns the share of each choice in the error, the largest first. Choices without a share are left out.

    Args:
        trials: The trials of a study.

    Returns:
        The shares by the name of the choice, such as "block0.kernel"; empty if there are fewer than LEAST_TRIALS
            complete trials, or if they do not differ.
    """
    complete = successes(trials)
    if len(complete) < LEAST_TRIALS:
        return {}
    names, columns = _columns([answers_of(trial.configuration) for trial, _ in complete])
    errors = np.array([log(result.objectives["error"].value + ERROR_FLOOR) for _, result in complete])
    if not names or np.ptp(errors) == 0:
        return {}
    # scikit-learn takes a second to import, and few studies have that many trials.
    from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415
    from sklearn.inspection import permutation_importance  # noqa: PLC0415

    forest = ExtraTreesRegressor(n_estimators=_TREES, min_samples_leaf=2, random_state=0).fit(columns, errors)
    lost = permutation_importance(forest, columns, errors, n_repeats=_REPEATS, random_state=0).importances_mean
    shares = np.maximum(lost, 0.0) / max(float(np.maximum(lost, 0.0).sum()), np.finfo(np.float64).tiny)
    order = np.argsort(-shares, kind="stable")
    return {names[k]: round(float(shares[k]), 4) for k in order if shares[k] > 0}


def draw_importances(importances: Mapping[str, float], title: str) -> Figure:
    """Draws the largest shares as bars.

    Args:
        importances: The shares by the name of the choice, the largest first.
        title: What stands above.
    """
    shown = dict(list(importances.items())[:_SHOWN])
    figure = empty_figure(6.5, 1.2 + 0.3 * len(shown))
    panel = figure.subplots()
    panel.barh(list(shown), [100 * share for share in shown.values()], color="tab:blue")
    panel.invert_yaxis()
    panel.set_xlabel("share in the error [%]")
    panel.grid(visible=True, axis="x", alpha=0.2)
    figure.suptitle(title)
    return figure


def save_importances(importances: Mapping[str, float], title: str, folder: Path) -> list[Path]:
    """Writes the picture as importances.png and importances.svg. Nothing is written if there are no shares.

    Args:
        importances: The shares by the name of the choice, the largest first.
        title: What stands above.
        folder: The folder of the pictures.

    Returns:
        The files.
    """
    return save_figure(draw_importances(importances, title), folder, "importances") if importances else []


def _columns(answers: Sequence[Mapping[str, Answer]]) -> tuple[list[str], Array]:
    """Returns the choices that differ between trials, and their values as numbers [trials, choices].

    Words are numbered in alphabetical order. A choice that a network does not have is -1.
    """
    names = list(dict.fromkeys(name for each in answers for name in each))
    columns = np.stack([_numbers([each.get(name) for each in answers]) for name in names], axis=1)
    differs = np.ptp(columns, axis=0) > 0
    return [name for name, is_kept in zip(names, differs, strict=True) if is_kept], columns[:, differs]


def _numbers(values: Sequence[Answer | None]) -> Array:
    if any(isinstance(value, str) for value in values):
        words = sorted({value for value in values if isinstance(value, str)})
        return np.array([words.index(value) if isinstance(value, str) else _ABSENT for value in values], np.float64)
    return np.array([_ABSENT if value is None else float(value) for value in values], np.float64)
