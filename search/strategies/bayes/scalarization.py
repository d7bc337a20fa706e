"""Random Tchebychev scalarisation: many objectives as one, another one at every proposal.

score(x) = max_k z_k(x) / u_k with u_k uniform on (0, b_k], where z_k is objective k normalised to 0 (a
little better than any seen) .. 1 (the worst on the Pareto front) and b_k the user's limit in the same
units, or 1. The support of u states the preference: the trade-offs that the scores explore lie within
the limits (Paria, Kandasamy and Poczos, UAI 2019; the distribution of 1 / lambda_k is that of Liberis,
Dudziak and Lane's muNAS, 2021).
A limit that is exceeded costs extra, more than any trade-off can win.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.strategies.pareto import Array

ERROR_FLOOR = 0.005
_UTOPIA_MARGIN = 0.05
_LEAST_LIMIT = 0.05
_LEAST_WIDTH = 0.1
_PENALTY = 1e3


def to_log(values: npt.ArrayLike) -> Array:
    """Objectives [..., 4] on logarithmic scales, where a halving counts the same everywhere.

    The error is shifted by ERROR_FLOOR first: below half a per cent, validation sets of a few hundred
    to a few thousand images do not tell networks apart.
    """
    shifted = np.array(values, dtype=np.float64)
    shifted[..., 0] += ERROR_FLOOR
    return np.log(np.maximum(shifted, np.finfo(np.float64).tiny))


@dataclass(frozen=True, slots=True, eq=False)
class Normalization:
    """Logarithmic objectives to 0 (utopia: a little better than the best) .. 1 (nadir: the worst of the front).

    Attributes:
        utopia: [k].
        width: [k], from utopia to nadir.
    """

    utopia: Array
    width: Array

    @classmethod
    def of(cls, front: Array) -> "Normalization":
        """Fit to the Pareto front [n, k]; what it dominates would only blur the differences within it."""
        low, high = front.min(axis=0), front.max(axis=0)
        width = np.maximum(high - low, _LEAST_WIDTH)
        return cls(low - _UTOPIA_MARGIN * width, (1 + _UTOPIA_MARGIN) * width)

    def __call__(self, logs: Array) -> Array:
        """Normalise [..., k]."""
        return (logs - self.utopia) / self.width


@dataclass(frozen=True, slots=True, eq=False)
class Scalarization:
    """One draw of preferences.

    Attributes:
        scales: u_k = 1 / lambda_k, [k].
        limits: The user's limits, normalised, [k]; infinity where there is none.
    """

    scales: Array
    limits: Array

    def __call__(self, normalized: Array) -> Array:
        """Scores [...] of normalised objectives [..., k]; smaller is better."""
        excess = np.maximum(normalized - self.limits, 0.0).sum(axis=-1)
        return np.asarray((normalized / self.scales).max(axis=-1) + _PENALTY * excess)


def draw_scalarization(rng: np.random.Generator, limits: Array) -> Scalarization:
    """Draw u_k uniformly from (0, b_k], where b_k = limits_k, but between a small positive number and 1."""
    bounds = np.clip(limits, _LEAST_LIMIT, 1.0)
    return Scalarization(bounds * (1.0 - rng.random(len(bounds))), limits)
