"""Models the error of networks from the trials of a study, with the noise that their errors have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparse_mcu.search.evaluation.objectives import ERROR_FLOOR
from sparse_mcu.search.evaluation.result import Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.exact.points import points_of
from sparse_mcu.search.strategies.exact.ranking import Belief
from sparse_mcu.search.strategies.exact.stopping import Outlook, has_inherited
from sparse_mcu.search.strategies.models.features import NAMES
from sparse_mcu.search.strategies.models.surrogate import GaussianProcess
from sparse_mcu.search.strategies.pareto import Array
from sparse_mcu.search.study.trial import Trial

Running = Literal["drawn", "mean", "ignored"]


def noise_of(error: Array, images: int, seed_noise: float) -> Array:
    """Returns the variance of ln(error + ERROR_FLOOR).

    An error that was counted on n images has the variance p (1 - p) / n. The delta method divides it by
    (p + ERROR_FLOOR)**2. p is kept half an image away from 0 and 1. Training with another seed adds its own variance.

    Example: 3 % of 1,000 images have the variance 0.03 * 0.97 / 1000 / 0.035**2 = 0.0238, a deviation of 15 %.

    Args:
        error: The errors, shares of images [n].
        images: The number of images.
        seed_noise: The standard deviation between seeds on that scale.
    """
    share = np.clip(error, 0.5 / images, 1 - 0.5 / images)
    return np.asarray(share * (1 - share) / images / (share + ERROR_FLOOR) ** 2 + seed_noise**2)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What trials say of errors, on a logarithmic scale.

    Attributes:
        configurations: The configurations of the trials.
        logs: ln(error + ERROR_FLOOR) [n].
        noise: The variances of these [n].
    """

    configurations: Sequence[Configuration]
    logs: Array
    noise: Array

    @classmethod
    def of(cls, history: Sequence[Trial], name: str, images: int, seed_noise: float) -> "Observations":
        """Returns what complete and stopped trials say. The complete ones come first, in order.

        A trial that was stopped says what its last rung foretells, with the deviation of that forecast.

        Args:
            history: All trials.
            name: The objective: "error" or "float_error".
            images: The number of validation images.
            seed_noise: The standard deviation of the logarithm between seeds.
        """
        complete = [trial for trial in history if isinstance(trial.result, Success)]
        errors = np.array([t.result.objectives[name].value for t in complete if isinstance(t.result, Success)])
        foretold = [(trial, *each) for trial in history if (each := _foretold(trial, history)) is not None]
        return cls(
            [trial.configuration for trial in (*complete, *(trial for trial, _, _ in foretold))],
            np.concatenate([np.log(errors + ERROR_FLOOR), [log for _, log, _ in foretold]]),
            np.concatenate([noise_of(errors, images, seed_noise), [variance for _, _, variance in foretold]]),
        )


def _foretold(trial: Trial, history: Sequence[Trial]) -> tuple[float, float] | None:
    """Returns the expected logarithm of a stopped trial's error and its variance; None if nothing foretells it."""
    if not isinstance(trial.result, Stopped):
        return None
    last = trial.result.rungs[-1]
    outlook = Outlook.learn(history, last.share, inherits=has_inherited(trial, last))
    return None if outlook is None else (outlook.expected(last.error), outlook.deviation**2)


class ErrorModel:
    """Predicts the error of networks.

    Args:
        observed: What the trials say.
        space: The space of the configurations.
        is_noise_known: Whether the variances are used. Otherwise one is fitted for all.
        has_trend: Whether trends go on beyond what was observed.
    """

    def __init__(self, observed: Observations, space: Space, *, is_noise_known: bool, has_trend: bool = True) -> None:
        self._space, self._is_noise_known, self._observed = space, is_noise_known, observed
        points = points_of(observed.configurations, space)
        noise = observed.noise if is_noise_known else None
        self._process = GaussianProcess(points, observed.logs, len(NAMES), noise, trend=has_trend)

    def smoothed(self, count: int) -> Array:
        """Returns the errors of the first `count` observations without their noise, as far as it is known."""
        if not self._is_noise_known:
            return self._observed.logs[:count]
        return self._process.predict(points_of(self._observed.configurations[:count], self._space))[0]

    def believe(self, configurations: Sequence[Configuration], seed: int, limit: float) -> Belief:
        """Returns what is believed of the errors of networks.

        Args:
            configurations: The networks.
            seed: The seed of the draw.
            limit: The limit of the error on the logarithmic scale.
        """
        points = points_of(configurations, self._space)
        mean, deviation = self._process.predict(points)
        return Belief(mean, deviation, self._process.sample(points, seed), limit)

    def imagine(self, running: Sequence[Configuration], kind: Running, seed: int) -> Array:
        """Lets the model believe in errors of trials that are still running, and returns them [m].

        So other networks near to them gain less. With "drawn", processes that propose at once believe in different
        errors.

        Args:
            running: The networks of those trials.
            kind: "drawn" draws the errors, and "mean" expects them.
            seed: The seed of the draw.
        """
        points = points_of(running, self._space)
        logs = self._process.sample(points, seed) if kind == "drawn" else self._process.predict(points)[0]
        if self._is_noise_known:
            self._process = self._process.told(points, logs, np.full(len(logs), _IMAGINED_NOISE))
        return logs


_IMAGINED_NOISE = 1e-4
