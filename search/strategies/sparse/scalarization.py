"""Turns many objectives into one score, by a random Tchebychev scalarisation. Every proposal draws another one.

The score of a network x is

    score(x) = max_k z_k(x) / u_k, plus a penalty if a limit is exceeded.

z_k is objective k on a logarithmic scale, normalised. It is 0 a little below the best value of the Pareto front, and 1
at the worst value of the front. The smallest score wins. So a small u_k makes objective k matter more.

u_k is drawn uniformly from (0, b_k]. b_k is the user's limit in the units of z_k, but at most 1, and 1 without a limit.
So the scores explore trade-offs within the limits (Paria, Kandasamy and Poczos, UAI 2019; the distribution of
u_k = 1 / lambda_k is that of muNAS by Liberis, Dudziak and Lane, 2021). If an objective matters twice as much to the
user, b_k is halved. The penalty is larger than any trade-off can win.

Example with two objectives: network A has z = (0.2, 0.8), and network B has z = (0.6, 0.3). With u = (0.5, 1.0), A
scores max(0.2 / 0.5, 0.8 / 1.0) = 0.8 and B scores max(0.6 / 0.5, 0.3 / 1.0) = 1.2. A wins, because this draw prefers
little of the first objective. With u = (1.0, 0.4), A scores max(0.2, 2.0) = 2.0 and B scores max(0.6, 0.75) = 0.75. B
wins. With a limit of 0.5 on the second objective, A exceeds it by 0.3, and its score grows by 1000 * 0.3 = 300.
"""

from dataclasses import dataclass

import numpy as np

from sparse_mcu.search.strategies.pareto import Array

_UTOPIA_MARGIN = 0.05
_LEAST_LIMIT = 0.05
_LEAST_WIDTH = 0.1
_PENALTY = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class Normalization:
    """Maps logarithmic objectives to numbers that are 0 at utopia and 1 at the worst value of the front.

    Utopia lies below the best value of the front, by 5 % of the distance between the best and the worst.

    Attributes:
        utopia: The values that become 0, [k].
        width: The distances from there to the values that become 1, [k].
    """

    utopia: Array
    width: Array

    @classmethod
    def of(cls, front: Array) -> "Normalization":
        """Returns the normalisation of a Pareto front [n, k]. Dominated points would blur the differences in it."""
        low, high = front.min(axis=0), front.max(axis=0)
        width = np.maximum(high - low, _LEAST_WIDTH)
        return cls(low - _UTOPIA_MARGIN * width, (1 + _UTOPIA_MARGIN) * width)

    def __call__(self, logs: Array) -> Array:
        """Normalises logarithmic objectives [..., k]."""
        return (logs - self.utopia) / self.width


@dataclass(frozen=True, slots=True, eq=False)
class Scalarization:
    """One draw of preferences; see the module for the formula.

    Attributes:
        scales: The numbers u_k of the objectives that are minimised, [m]. They come first; the other k - m objectives
            only have limits.
        limits: The limits, normalised, [k]; infinity stands for no limit.
    """

    scales: Array
    limits: Array

    def __call__(self, normalized: Array) -> Array:
        """Returns the scores [...] of normalised objectives [..., k]; smaller is better."""
        excess = np.maximum(normalized - self.limits, 0.0).sum(axis=-1)
        return np.asarray((normalized[..., : len(self.scales)] / self.scales).max(axis=-1) + _PENALTY * excess)


def draw_scalarization(
    rng: np.random.Generator, limits: Array, minimised: int | None = None, weights: Array | None = None
) -> Scalarization:
    """Draws each u_k uniformly from (0, b_k / w_k].

    b_k is limits_k, raised to 0.05 or cut to 1 if it is outside, and w_k is how much the objective matters.

    Args:
        rng: The source of the draws.
        limits: The limits, normalised, [k].
        minimised: How many objectives are minimised, from the first on; None for all.
        weights: The numbers w_k of those; None for 1.
    """
    bounds = np.clip(limits[:minimised], _LEAST_LIMIT, 1.0) / (1.0 if weights is None else weights)
    return Scalarization(bounds * (1.0 - rng.random(len(bounds))), limits)
