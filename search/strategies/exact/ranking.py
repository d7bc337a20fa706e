"""Ranks a pool of networks by how much they would improve the front, in one random direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.evaluation.objectives import ERROR_FLOOR
from sparse_mcu.search.strategies.exact.improvement import below, expected_improvement
from sparse_mcu.search.strategies.pareto import Array, non_dominated

Acquisition = Literal["improvement", "thompson", "ucb"]
Reference = Literal["limits", "nadir"]

_MARGIN = 0.1
_LEAST_WIDTH = 0.1


def useful_error(errors: Sequence[float], classes: int) -> float:
    """Returns the largest error of a network that is of use to somebody who can have the best of some errors.

    It is half way, on a logarithmic scale, between the best error and that of guessing. So it falls as better networks
    are found. Example: among ten classes, guessing has an error of 90 %. If the best network has 2 %, others are useful
    up to (0.025 * 0.905)**0.5 - 0.005 = 14.5 %.

    Args:
        errors: Errors of networks, at least one.
        classes: The number of classes.
    """
    guessing = 1 - 1 / classes
    return float(((min(errors) + ERROR_FLOOR) * (guessing + ERROR_FLOOR)) ** 0.5 - ERROR_FLOOR)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The box in which hypervolume is measured, on logarithmic scales.

    Attributes:
        reference: Its worst corner r [k].
        width: The distance from there to a little below the best values of the front [k]. It is the unit.
    """

    reference: Array
    width: Array

    @classmethod
    def of(cls, values: Array, limits: Array, kind: Reference) -> "Frame":
        """Returns the frame of some networks.

        Args:
            values: Their objectives [n, k].
            limits: The limits [k]; infinity stands for none.
            kind: "nadir" takes the worst values of the front, and a tenth more, but at most the limits. "limits" takes
                the limits where there are some, even if the front is far from them.
        """
        front = values[non_dominated(values)]
        low, high = front.min(axis=0), front.max(axis=0)
        spread = np.maximum(high - low, _LEAST_WIDTH)
        nadir = high + _MARGIN * spread
        reference = np.where(np.isfinite(limits), limits, nadir) if kind == "limits" else np.minimum(limits, nadir)
        return cls(reference, np.maximum(reference - low, 0.0) + _MARGIN * spread)

    def terms(self, values: Array, direction: Array) -> Array:
        """Returns (r_k - y_k) / lambda_k in the frame's units, for each objective of `values` [..., k]."""
        return np.asarray((self.reference - values) / self.width / direction)


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What is believed of the error of the networks of a pool, on a logarithmic scale.

    Attributes:
        mean: The expected error [n].
        deviation: The standard deviation [n].
        drawn: One draw, jointly for all [n].
        limit: The limit of the error; infinity for none.
    """

    mean: Array
    deviation: Array
    drawn: Array
    limit: float

    @classmethod
    def of_nothing(cls, count: int) -> "Belief":
        """Returns a belief for a study that neither minimises nor limits an error."""
        return cls(np.zeros(count), np.zeros(count), np.zeros(count), np.inf)

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> "Belief":
        """Returns what is believed of some of the networks."""
        return Belief(self.mean[rows], self.deviation[rows], self.drawn[rows], self.limit)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Scores networks in one direction; larger is better.

    Attributes:
        frame: The box of the hypervolume.
        direction: The direction lambda [k].
        error_at: The index of the error among the objectives; None if it is not minimised.
        best: The best s of the front.
        kind: "improvement" is the expected improvement of s. "thompson" is s of drawn errors. "ucb" is s of errors that
            are `boldness` deviations better than expected.
        boldness: The number of deviations for "ucb".
    """

    frame: Frame
    direction: Array
    error_at: int | None
    best: float
    kind: Acquisition
    boldness: float

    def __call__(self, belief: Belief, costs: Array) -> Array:
        """Returns the scores [n].

        Args:
            belief: What is believed of the errors.
            costs: The other objectives that are minimised, in order [n, k - 1], or [n, k] without the error.
        """
        certain = [k for k in range(len(self.direction)) if k != self.error_at]
        scale = self.frame.width[certain] * self.direction[certain]
        cap = ((self.frame.reference[certain] - costs) / scale).min(axis=1, initial=np.inf)
        if self.error_at is None:
            gain, chance = cap - self.best, self._chance(belief)
            return np.asarray(np.where(gain > 0, gain * chance, gain + chance - 1.0))
        unit = self.frame.width[self.error_at] * self.direction[self.error_at]

        def term(error: Array) -> Array:
            return np.asarray((self.frame.reference[self.error_at] - error) / unit)

        match self.kind:
            case "improvement":
                return expected_improvement(term(belief.mean), belief.deviation / unit, cap, self.best)
            case "thompson":
                return np.asarray(np.minimum(term(belief.drawn), cap))
            case _:
                return np.asarray(np.minimum(term(belief.mean - self.boldness * belief.deviation), cap))

    @staticmethod
    def _chance(belief: Belief) -> Array:
        """Returns how likely each network keeps the limit of the error."""
        if np.isinf(belief.limit):
            return np.ones(len(belief.mean))
        return np.asarray(below((belief.limit - belief.mean) / np.maximum(belief.deviation, 1e-12)))
