"""Models of the objectives: what the search believes about configurations it has not tried.

One independent model per objective. RAM and flash could be analysed exactly for every proposal instead
of modelled; an exact model then takes the Gaussian process's place behind the same protocol.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import log
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from search._botorch import (
    ExactMarginalLogLikelihood,
    GreaterThan,
    Kernel,
    LogNormalPrior,
    MaternKernel,
    NumericalWarning,
    OptimizationWarning,
    ScaleKernel,
    SingleTaskGP,
    Standardize,
    fit_gpytorch_mll,
)
from search.encoding import DERIVED

Array = npt.NDArray[np.float64]

_ITERATIONS = 50
_LEAST_LENGTHSCALE = 0.025
_LEAST_OUTPUTSCALE = 1e-3


class ObjectiveModel(Protocol):
    """What the strategy asks of a model of one objective."""

    def sample(self, points: Array, seed: int) -> Array:
        """Draw one function that agrees with the observations, at `points` [m, d]: values [m]."""
        ...


class GaussianProcess:
    """A Gaussian process, fitted by maximum a posteriori.

    Its kernel is a sum: a Matern kernel over the quantities that costs follow from directly, each with its
    own length scale, and one over the choices, with one for all. So a dozen observations are
    enough to tell what matters, where 65 length scales would need hundreds.

    Args:
        points: Encoded configurations [n, d], in the unit cube, the derived quantities last.
        values: Their objective [n].
    """

    def __init__(self, points: Array, values: Array) -> None:
        self._constant = float(values[0]) if np.ptp(values) == 0 else None
        if self._constant is None:
            with _one_quiet_thread():
                self._model = _fit(torch.from_numpy(points), torch.from_numpy(values).unsqueeze(-1))

    def sample(self, points: Array, seed: int) -> Array:
        """One draw from the joint posterior at `points` [m, d]: values [m]."""
        if self._constant is not None:
            return np.full(len(points), self._constant)
        with _one_quiet_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            drawn = self._model.posterior(torch.from_numpy(points)).rsample(torch.Size([1]))
        values: Array = drawn.reshape(-1).numpy()
        return values


def _fit(points: torch.Tensor, values: torch.Tensor) -> SingleTaskGP:
    model = SingleTaskGP(points, values, covar_module=_kernel(points.shape[-1]), outcome_transform=Standardize(m=1))
    fit_gpytorch_mll(
        ExactMarginalLogLikelihood(model.likelihood, model),
        optimizer_kwargs={"options": {"maxiter": _ITERATIONS}},
    )
    return model


def _kernel(dimensions: int) -> Kernel:
    choices = dimensions - DERIVED
    direct = _matern(list(range(choices, dimensions)), lengthscales=DERIVED)
    return _scaled(direct, location=0.0) + _scaled(_matern(list(range(choices)), lengthscales=1), location=-1.0)


def _matern(active: list[int], lengthscales: int) -> Kernel:
    """With the priors on length scales of Hvarfner et al. (ICML 2024), which grow with the dimension."""
    prior = LogNormalPrior(2**0.5 + log(len(active)) / 2, 3**0.5)
    return MaternKernel(
        nu=2.5,
        ard_num_dims=lengthscales if lengthscales > 1 else None,
        active_dims=active,
        lengthscale_prior=prior,
        lengthscale_constraint=GreaterThan(_LEAST_LENGTHSCALE, transform=None, initial_value=prior.mode),
    )


def _scaled(kernel: Kernel, location: float) -> Kernel:
    prior = LogNormalPrior(location, 1.0)
    constraint = GreaterThan(_LEAST_OUTPUTSCALE, transform=None, initial_value=prior.mode)
    return ScaleKernel(kernel, outputscale_prior=prior, outputscale_constraint=constraint)


@contextmanager
def _one_quiet_thread() -> Iterator[None]:
    """One thread, for sums in one order, and without two warnings that call for nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            # The optimiser may stop at its iteration limit; what it has then is good enough to propose from.
            warnings.simplefilter("ignore", OptimizationWarning)
            # Neighbours lie close together: their covariance needs jitter, which linear_operator reports.
            warnings.simplefilter("ignore", NumericalWarning)
            yield
    finally:
        torch.set_num_threads(threads)
