"""Models of the objectives: what the search believes about configurations it has not tried.

One independent Gaussian process per objective. RAM and flash could be analysed exactly
for every proposal instead: a `Surrogate` that fills their columns so takes this one's place.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import log
from typing import Protocol

import numpy as np
import torch

from sparse_mcu.search.strategies._botorch import (
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
from sparse_mcu.search.strategies.bayes.encoding import DERIVED
from sparse_mcu.search.strategies.pareto import Array

# Share of the posterior's spread in a draw: 1 is Thompson sampling, 0 takes the mean. A choice on thin evidence:
# digits, six epochs, costs from layer sizes, 24 trials, seeds 0-2. Mean hypervolume: 31.6 at 0.3, 30.8 at 0, 30.8 at 1
# (whose fits ran 50 iterations instead of 30), 29.2 with Sobol points only.
BOLDNESS = 0.3

_ITERATIONS = 30
_LEAST_LENGTHSCALE = 0.025
_LEAST_OUTPUTSCALE = 1e-3


class Surrogate(Protocol):
    """What the strategy asks of a model of the objectives."""

    def sample(self, points: Array, seed: int) -> Array:
        """Draw one function per objective that agrees with the observations, at `points` [m, d]: values [m, k]."""
        ...


class GaussianProcesses:
    """Independent Gaussian processes, fitted by maximum a posteriori.

    The kernel is a sum: a Matern kernel over the quantities that costs follow from directly, each with its
    own length scale, and one over the choices, with one for all. So a dozen observations are
    enough to tell what matters, where 65 length scales would need hundreds.

    Args:
        points: Encoded configurations [n, d], in the unit cube, the derived quantities last.
        values: Their objectives [n, k]; one that is the same everywhere is taken for constant.
    """

    def __init__(self, points: Array, values: Array) -> None:
        self._constants = values[0]
        varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
        with _one_quiet_thread():
            self._models = {int(k): _fit(torch.from_numpy(points), torch.from_numpy(values[:, k])) for k in varying}

    def sample(self, points: Array, seed: int) -> Array:
        """One tempered draw from each posterior, joint over `points` [m, d]: values [m, k]."""
        values = np.tile(self._constants, (len(points), 1))
        with _one_quiet_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            for objective, model in self._models.items():
                posterior = model.posterior(torch.from_numpy(points))
                drawn = posterior.mean + BOLDNESS * (posterior.rsample()[0] - posterior.mean)
                values[:, objective] = drawn[:, 0].numpy()
        return values


def _fit(points: torch.Tensor, values: torch.Tensor) -> SingleTaskGP:
    kernel = _kernel(points.shape[-1])
    model = SingleTaskGP(points, values.unsqueeze(-1), covar_module=kernel, outcome_transform=Standardize(m=1))
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
