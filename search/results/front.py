"""Finds the Pareto front of a study, its knee and its volume."""

from collections.abc import Sequence
from math import log

import numpy as np

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, KINDS
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.strategies.pareto import hypervolume, non_dominated
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.trial import Trial


def is_feasible(trial: Trial, bounds: Bounds) -> bool:
    """Returns whether a trial is complete, fits its board, and keeps the user's limits."""
    result = trial.result
    return isinstance(result, Success) and result.fits and bounds.allow(result.objectives)


def successes(trials: Sequence[Trial]) -> list[tuple[Trial, Success]]:
    """Returns the complete trials with their results."""
    return [(trial, trial.result) for trial in trials if isinstance(trial.result, Success)]


def pareto_front(
    trials: Sequence[Trial], bounds: Bounds, objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> list[tuple[Trial, Success]]:
    """Returns the feasible trials that no feasible trial dominates, sorted by the first of the objectives.

    Of trials with equal values of all objectives, the first one stands for all.
    """
    feasible = {pair[1].objectives.values(objectives): pair for pair in reversed(feasible_trials(trials, bounds))}
    if not feasible:
        return []
    best = non_dominated(np.array(list(feasible)))
    return [feasible[values] for values in sorted(values for values, keep in zip(feasible, best, strict=True) if keep)]


def knee_of(
    front: Sequence[tuple[Trial, Success]], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> tuple[Trial, Success] | None:
    """Returns the member of a front that is nearest to the best of everything; None if the front is empty.

    Each objective is put on its logarithmic scale, where 0 is the best value on the front and 1 the worst. The knee has
    the least Euclidean distance from the point that is best in everything (the compromise solution of Zeleny, 1973).

    Example: a front has errors of 1, 2 and 8 %, with 8, 2 and 1 KB. With a floor of half a per cent, the errors lie at
    0, 0.29 and 1, the sizes at 1, 0.33 and 0. The distances are 1, 0.44 and 1, so the second one is the knee.
    """
    if not front:
        return None
    values = to_log([result.objectives.values(objectives) for _, result in front], objectives)
    least, most = values.min(axis=0), values.max(axis=0)
    shares = (values - least) / np.where(most > least, most - least, 1.0)
    return front[int(np.argmin((shares**2).sum(axis=1)))]


def knee_first(
    front: Sequence[tuple[Trial, Success]], objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> list[tuple[Trial, Success]]:
    """Returns the members of a front as people read them: the knee, then the others in order."""
    knee = knee_of(front, objectives)
    return sorted(front, key=lambda pair: pair is not knee)


def feasible_trials(trials: Sequence[Trial], bounds: Bounds) -> list[tuple[Trial, Success]]:
    """Returns the feasible trials with their results."""
    return successes([trial for trial in trials if is_feasible(trial, bounds)])


def front_volume(
    front: Sequence[tuple[Trial, Success]], board: Board, objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> float:
    """Returns the hypervolume of a front, as `SearchReport` defines it."""
    if not front:
        return 0.0
    worst = [KINDS[name].worst(board) for name in objectives]
    values = to_log([result.objectives.values(objectives) for _, result in front], objectives)
    return hypervolume(values / log(10), to_log(worst, objectives) / log(10))
