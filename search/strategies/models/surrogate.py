"""Models objectives by Gaussian processes: predicts those of configurations that were not tried, and how surely."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sparse_mcu.search.strategies._botorch import (
    Kernel,
    LinearKernel,
    MaternKernel,
    NumericalWarning,
    ScaleKernel,
    SingleTaskGP,
)
from sparse_mcu.search.strategies.models.encoding import DERIVED
from sparse_mcu.search.strategies.models.fitting import Hyperparameters, fit_hyperparameters
from sparse_mcu.search.strategies.pareto import Array


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What a fit found: the centre and the scale of the values, and the modules of the mean and the kernel."""

    center: float
    scale: float
    modules: dict[str, torch.nn.Module]


class GaussianProcess:
    """A Gaussian process for one objective, fitted by maximum a posteriori.

    The kernel is the sum of two Matern-5/2 kernels. The first one is over the last `derived` entries of a point, each
    with a length scale of its own. The second one is over the choices before them, with one length scale for all. So a
    fit has few length scales. A dozen observations could not determine one for each entry.

    Args:
        points: The encoded configurations [n, d] in the unit cube.
        values: The objective [n].
        derived: How many entries at the end of a point are derived quantities.
        noise: The variance of each value [n], where it is known; None lets the fit find one variance for all.
        fit: What an earlier fit found; None fits anew.
        trend: Whether a linear kernel over the derived quantities is added, so that trends go on beyond the points.
    """

    def __init__(
        self,
        points: Array,
        values: Array,
        derived: int,
        noise: Array | None = None,
        fit: "_Fit | None" = None,
        *,
        trend: bool = False,
    ) -> None:
        self._points, self._values, self._derived, self._noise = points, values, derived, noise
        center, scale = (
            (float(values.mean()), float(values.std(ddof=1)) or 1.0) if fit is None else (fit.center, fit.scale)
        )
        modules = {"covar_module": _kernel(points.shape[-1], derived, trend=trend)} if fit is None else fit.modules
        scaled, variance = (values - center) / scale, None if noise is None else noise / scale**2
        self._model = SingleTaskGP(
            torch.from_numpy(points), _column(scaled), _column(variance), outcome_transform=None, **modules
        )
        self._fit = fit or _Fit(
            center, scale, {"covar_module": self._model.covar_module, "mean_module": self._model.mean_module}
        )
        if fit is None:
            _set(self._model, fit_hyperparameters(points, scaled, derived, variance, trend=trend))
        self._model.eval()

    @property
    def model(self) -> SingleTaskGP:
        """Returns botorch's model. It predicts values minus their mean, divided by their standard deviation."""
        return self._model

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Returns the mean and the standard deviation of the objective itself, without noise, at `points` [m, d]."""
        with one_quiet_thread(), torch.no_grad():
            posterior = self._model.posterior(torch.from_numpy(points))
            mean, variance = posterior.mean[:, 0].numpy(), posterior.variance[:, 0].numpy()
        return self._fit.center + self._fit.scale * mean, self._fit.scale * np.sqrt(np.maximum(variance, 0.0))

    def sample(self, points: Array, seed: int) -> Array:
        """Draws from the posterior, jointly at `points` [m, d], and returns the values [m]."""
        with one_quiet_thread(), _seeded(seed):
            return self.draw(points)

    def draw(self, points: Array) -> Array:
        """Draws as `sample` does, by the random state that torch has."""
        with torch.no_grad():
            drawn = self._model.posterior(torch.from_numpy(points)).rsample()[0, :, 0].numpy()
        return np.asarray(self._fit.center + self._fit.scale * drawn)

    def told(self, points: Array, values: Array, noise: Array) -> "GaussianProcess":
        """Returns the process after more observations; it is not fitted again.

        Args:
            points: The further points [m, d].
            values: Their values [m].
            noise: The variance of each of them [m].

        Raises:
            ValueError: The variances of the first observations are not known.
        """
        if self._noise is None:
            raise ValueError("a process whose noise was fitted takes no further observations")
        return GaussianProcess(
            np.concatenate([self._points, points]),
            np.concatenate([self._values, values]),
            self._derived,
            np.concatenate([self._noise, noise]),
            self._fit,
        )


class GaussianProcesses:
    """Gaussian processes, one for each objective, whose noise is found by the fit.

    Args:
        points: The encoded configurations [n, d] in the unit cube, with DERIVED derived quantities last.
        values: The objectives [n, k]. An objective with n equal values counts as constant.
    """

    def __init__(self, points: Array, values: Array) -> None:
        self._constants = values[0]
        varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
        self._models = {int(k): GaussianProcess(points, values[:, k], DERIVED) for k in varying}

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Returns means and standard deviations [m, k] at `points` [m, d]."""
        means, deviations = np.tile(self._constants, (len(points), 1)), np.zeros((len(points), len(self._constants)))
        for k, model in self._models.items():
            means[:, k], deviations[:, k] = model.predict(points)
        return means, deviations

    def sample(self, points: Array, seed: int, boldness: float = 1.0) -> Array:
        """Draws one believable function for each objective, and returns its values [m, k] at `points` [m, d].

        Args:
            points: Encoded configurations [m, d].
            seed: The seed of the draws.
            boldness: The share of the distance from the mean that remains; 1 is a fair draw.
        """
        means, _ = self.predict(points)
        drawn = means.copy()
        with one_quiet_thread(), _seeded(seed):
            for k, model in self._models.items():
                drawn[:, k] = model.draw(points)
        return means + boldness * (drawn - means)


def _column(values: Array | None) -> Any:  # noqa: ANN401 - botorch's annotations leave None out
    return None if values is None else torch.from_numpy(values).unsqueeze(-1)


def _set(model: SingleTaskGP, found: Hyperparameters) -> None:
    """Gives a model of botorch its hyperparameters."""
    derived, choices, *linear = model.covar_module.kernels
    derived.base_kernel.lengthscale = torch.from_numpy(found.derived_lengthscales)
    derived.outputscale, choices.outputscale = found.derived_scale, found.choices_scale
    choices.base_kernel.lengthscale = found.choices_lengthscale
    for each in linear:
        each.variance = found.slope
    model.mean_module.constant = found.mean
    if found.noise is not None:
        model.likelihood.noise = found.noise


def _kernel(dimensions: int, derived: int, *, trend: bool) -> Kernel:
    """Returns the kernel that `fit_hyperparameters` fits."""
    choices = dimensions - derived
    last = list(range(choices, dimensions))
    direct = MaternKernel(nu=2.5, ard_num_dims=derived, active_dims=last)
    chosen = MaternKernel(nu=2.5, active_dims=list(range(choices)))
    both = ScaleKernel(direct) + ScaleKernel(chosen)
    return both + LinearKernel(active_dims=last) if trend else both


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds torch in a `with` block. Its random state is restored afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def one_quiet_thread() -> Iterator[None]:
    """Runs a block in one thread, so that sums have one order, and hides a warning that needs no action."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            # Neighbours lie close together, so their covariance needs jitter. linear_operator reports that.
            warnings.simplefilter("ignore", NumericalWarning)
            yield
    finally:
        torch.set_num_threads(threads)
