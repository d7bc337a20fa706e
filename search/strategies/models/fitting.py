"""Fits the hyperparameters of a Gaussian process: the most probable ones after the observations.

The kernel is a sum: a Matern-5/2 kernel over derived quantities, each with a length scale of its own; one over
choices, with one length scale for all; and, if wanted, a linear kernel over the derived quantities. The linear one lets
trends go on where nothing was observed, as that of smaller errors with more multiply-accumulates.

gpytorch could fit it, but its automatic gradients take about eight times as long for 70 points. So the gradient is
written out here (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 5.9). For a Matern
kernel with r**2 = sum over j of (x_j - x'_j)**2 / l_j**2 and s = 5**0.5 * r,

    k = (1 + s + s**2 / 3) * exp(-s),    dk / d ln(l_j) = 5 / 3 * (1 + s) * exp(-s) * (x_j - x'_j)**2 / l_j**2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from sparse_mcu.search.strategies.pareto import Array

LEAST_LENGTHSCALE, LEAST_OUTPUTSCALE, LEAST_NOISE = 0.025, 1e-3, 1e-4

_ITERATIONS = 30
_JITTER = 1e-6
_FURTHEST = 5.0


@dataclass(frozen=True, slots=True)
class Belief:
    """A log-normal prior: the mean and the standard deviation of the logarithm."""

    location: float
    scale: float

    @property
    def mode(self) -> float:
        """Returns the logarithm of the most probable value."""
        return self.location - self.scale**2

    def log_density(self, logs: Array) -> Array:
        """Returns the logarithm of the density at values, whose logarithms are given; a constant is left out."""
        return np.asarray(-logs - ((logs - self.location) / self.scale) ** 2 / 2)

    def slope(self, logs: Array) -> Array:
        """Returns its derivative by these logarithms."""
        return np.asarray(-1 - (logs - self.location) / self.scale**2)


def lengthscale_belief(dimensions: int) -> Belief:
    """Returns the prior of a length scale in so many dimensions (Hvarfner et al., ICML 2024)."""
    return Belief(2**0.5 + log(dimensions) / 2, 3**0.5)


DERIVED_SCALE, CHOICES_SCALE, SLOPE = Belief(0.0, 1.0), Belief(-1.0, 1.0), Belief(3.0, 1.0)
"""The priors of the variances of the kernels. Trends may be steep: across the unit cube errors halve often."""

NOISE = Belief(-4.0, 1.0)
"""The prior of the variance of the noise, where it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Hyperparameters:
    """What a fit finds.

    Attributes:
        mean: The constant mean.
        derived_lengthscales: The length scales of the derived quantities [d].
        choices_lengthscale: That of the choices.
        derived_scale: The variance of the kernel over derived quantities.
        choices_scale: That of the kernel over choices.
        slope: That of the slopes of the linear kernel; None if there is none.
        noise: The variance of the noise; None if it was known.
    """

    mean: float
    derived_lengthscales: Array
    choices_lengthscale: float
    derived_scale: float
    choices_scale: float
    slope: float | None
    noise: float | None


def fit_hyperparameters(
    points: Array, values: Array, derived: int, noise: Array | None, *, trend: bool = False
) -> Hyperparameters:
    """Returns the most probable hyperparameters.

    Args:
        points: The observed points [n, d], with `derived` derived quantities last.
        values: Their values, with the mean 0 and the deviation 1 [n].
        derived: How many entries of a point are derived quantities.
        noise: The variance of each value [n]; None fits one for all.
        trend: Whether there is a linear kernel.
    """
    with threadpool_limits(1):  # matrices of some dozen rows: a second thread only waits, and takes a core to do so
        loss, start, bounds = objective(points, values, derived, noise, trend=trend)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS})
    logs = np.exp(found.x[1:])
    return Hyperparameters(
        mean=float(found.x[0]),
        derived_lengthscales=logs[:derived],
        choices_lengthscale=float(logs[derived]),
        derived_scale=float(logs[derived + 1]),
        choices_scale=float(logs[derived + 2]),
        slope=float(logs[derived + 3]) if trend else None,
        noise=float(logs[-1]) if noise is None else None,
    )


def objective(
    points: Array, values: Array, derived: int, noise: Array | None, *, trend: bool = False
) -> tuple[Callable[[Array], tuple[float, Array]], Array, list[tuple[float | None, float | None]]]:
    """Returns what a fit minimises, where it begins, and the bounds.

    The parameters are the mean, then logarithms: the length scales of the derived quantities, that of the choices, the
    variances of the kernels, and the noise if it is not known. The arguments are those of `fit_hyperparameters`.

    Returns:
        A function of the parameters that gives the loss, which is minus the logarithm of the posterior density by the
        number of points, and its gradient; the start; the bounds.
    """
    choices, quantities = points[:, :-derived], points[:, -derived:]
    squares = np.stack([(column[:, np.newaxis] - column[np.newaxis]) ** 2 for column in quantities.T])
    flat = squares.reshape(derived, -1)
    gram = choices @ choices.T
    norms = np.diag(gram)
    apart = np.maximum(norms[:, np.newaxis] + norms[np.newaxis] - 2 * gram, 0.0)
    count, linear = len(values), quantities @ quantities.T
    identity = np.eye(count)
    beliefs = [
        *[lengthscale_belief(derived)] * derived,
        lengthscale_belief(choices.shape[1]),
        DERIVED_SCALE,
        CHOICES_SCALE,
        *([SLOPE] if trend else []),
        *([NOISE] if noise is None else []),
    ]
    least = [*[LEAST_LENGTHSCALE] * (derived + 1), *[LEAST_OUTPUTSCALE] * (2 + trend), LEAST_NOISE]
    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    bounds += [(log(low), each.location + _FURTHEST * each.scale) for each, low in zip(beliefs, least, strict=False)]
    start = np.array([0.0, *(max(each.mode, log(low)) for each, low in zip(beliefs, least, strict=False))])

    def loss(parameters: Array) -> tuple[float, Array]:
        mean, logs = parameters[0], parameters[1:]
        inverse = np.exp(-2 * logs[: derived + 1])
        first, first_slope = _matern((inverse[:derived] @ flat).reshape(count, count))
        second, second_slope = _matern(inverse[derived] * apart)
        scales = np.exp(logs[derived + 1 : derived + 3 + trend])
        parts = [first, second, *([linear] if trend else [])]
        variance = np.exp(logs[-1]) if noise is None else noise
        covariance = np.tensordot(scales, np.stack(parts), axes=1) + (variance + _JITTER) * identity
        factor = cholesky(covariance, lower=True, check_finite=False)
        rest = values - mean
        solved = cho_solve((factor, True), rest, check_finite=False)
        gain = (np.outer(solved, solved) - cho_solve((factor, True), identity, check_finite=False)) / 2
        slopes = [
            *(scales[0] * inverse[:derived] * (flat @ (gain * first_slope).ravel())),
            scales[1] * inverse[derived] * np.vdot(gain * second_slope, apart),
            *(scale * np.vdot(gain, part) for scale, part in zip(scales, parts, strict=True)),
        ]
        if noise is None:
            slopes.append(variance * np.trace(gain))
        likelihood = -float(rest @ solved) / 2 - float(np.log(np.diag(factor)).sum())
        prior = sum(float(each.log_density(value)) for each, value in zip(beliefs, logs, strict=True))
        prior_slopes = [float(each.slope(value)) for each, value in zip(beliefs, logs, strict=True)]
        gradient = np.array([solved.sum(), *(np.array(slopes) + prior_slopes)])
        return -(likelihood + prior) / count, -gradient / count

    return loss, start, bounds


def _matern(squares: Array) -> tuple[Array, Array]:
    """Returns the Matern-5/2 kernel of squared distances, and what is multiplied by a part of these for its slope."""
    root = np.sqrt(5 * squares)
    decay = np.exp(-root)
    return (1 + root + root**2 / 3) * decay, 5 / 3 * (1 + root) * decay
