"""Computes botorch's noisy expected hypervolume improvement for points of a pool."""

import numpy as np
import torch

from sparse_mcu.search.strategies._botorch import (
    ModelListGP,
    SobolQMCNormalSampler,
    qLogNoisyExpectedHypervolumeImprovement,
)
from sparse_mcu.search.strategies.models.encoding import DERIVED
from sparse_mcu.search.strategies.models.surrogate import GaussianProcess, one_quiet_thread
from sparse_mcu.search.strategies.pareto import Array


def hypervolume_gains(
    points: Array, values: Array, reference: Array, baseline: Array, pool: Array, *, samples: int, seed: int
) -> Array:
    """Returns the logarithm of the improvement that each point of the pool promises [m].

    Each objective that varies gets a Gaussian process. Objectives are minimised, so botorch gets them with their sign
    turned.

    Args:
        points: The points that were observed [n, d], with DERIVED derived quantities last.
        values: Their objectives [n, k].
        reference: The worst values that count [k].
        baseline: The points that were observed or are being observed [b, d].
        pool: The points to choose from [m, d].
        samples: The number of draws from the posterior.
        seed: The seed of the draws.
    """
    varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
    center, scale = values[:, varying].mean(axis=0), values[:, varying].std(axis=0)
    scaled = (center - values[:, varying]) / scale
    models = [GaussianProcess(points, scaled[:, k], DERIVED).model for k in range(len(varying))]
    with one_quiet_thread(), torch.no_grad():
        acquire = qLogNoisyExpectedHypervolumeImprovement(
            model=ModelListGP(*models),
            ref_point=torch.from_numpy((center - reference[varying]) / scale),
            X_baseline=torch.from_numpy(baseline),
            sampler=SobolQMCNormalSampler(torch.Size([samples]), seed=seed),
            prune_baseline=True,
        )
        gains: Array = acquire(torch.from_numpy(pool).unsqueeze(1)).numpy()
    return gains
