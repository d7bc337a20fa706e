"""Models the objectives: it predicts those of configurations that were not tried, and says how sure it is.

Each objective has a Gaussian process of its own.
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

# The share of the posterior's spread in a draw: 1 is Thompson sampling, and 0 takes the mean. We chose 0.3 on thin
# evidence: digits, six epochs, costs from layer sizes, 24 trials, seeds 0 to 2. The mean hypervolume was 31.6 at 0.3,
# 30.8 at 0, 30.8 at 1 (with fits of 50 iterations instead of 30), and 29.2 with Sobol points only.
BOLDNESS = 0.3

_ITERATIONS = 30
_LEAST_LENGTHSCALE = 0.025
_LEAST_OUTPUTSCALE = 1e-3


class Surrogate(Protocol):
    """Answers the strategy as a model of the objectives."""

    def sample(self, points: Array, seed: int) -> Array:
        """Draws one believable function for each objective, and returns its values [m, k] at `points` [m, d]."""
        ...


class GaussianProcesses:
    """Gaussian processes, one for each objective, fitted by maximum a posteriori.

    The kernel is the sum of two Matern kernels. The first one is over the three derived quantities, each with a length
    scale of its own. The second one is over the choices, with one length scale for all. So a fit has four length scales
    instead of one for each entry of a vector, which a dozen observations could not determine.

    Args:
        points: The encoded configurations [n, d] in the unit cube, with the derived quantities last.
        values: The objectives [n, k]. An objective with n equal values counts as constant.
    """

    def __init__(self, points: Array, values: Array) -> None:
        self._constants = values[0]
        varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
        with _one_quiet_thread():
            self._models = {int(k): _fit(torch.from_numpy(points), torch.from_numpy(values[:, k])) for k in varying}

    def sample(self, points: Array, seed: int) -> Array:
        """Draws once from each posterior, jointly at `points` [m, d], and returns the values [m, k].

        The distance from the mean is reduced to the share BOLDNESS.
        """
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
    """Returns a Matern kernel. Its priors on length scales grow with the dimension (Hvarfner et al., ICML 2024)."""
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
    """Runs a block in one thread, so that sums have one order, and hides two warnings that need no action."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            # The optimiser may stop at its limit of iterations. Its result is then good enough for a proposal.
            warnings.simplefilter("ignore", OptimizationWarning)
            # Neighbours lie close together, so their covariance needs jitter. linear_operator reports that.
            warnings.simplefilter("ignore", NumericalWarning)
            yield
    finally:
        torch.set_num_threads(threads)
