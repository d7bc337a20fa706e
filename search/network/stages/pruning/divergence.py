"""Computes the divergences that variational pruning minimises beside the error."""

import torch

THRESHOLD = 3.0
"""The logarithm of alpha above which a weight counts as noise: its variance is 20 times its square (Molchanov)."""

_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695
_RANGE = 10.0
_SMALLEST = 1e-8


def log_alpha(values: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Returns log(variance / value**2), between -10 and 10. A large one says that a value is noise.

    Args:
        values: The means, in any shape.
        log_variance: The logarithms of their variances, in the same shape.
    """
    return (log_variance - torch.log(values.square() + _SMALLEST)).clamp(-_RANGE, _RANGE)


def log_uniform_divergence(log_alphas: torch.Tensor) -> torch.Tensor:
    """Returns the sum of the divergences of normal posteriors from a log-uniform prior, in nats.

    It is k1 - k1 sigmoid(k2 + k3 log alpha) + 0.5 log(1 + 1 / alpha), with k1 = 0.63576, k2 = 1.87320 and k3 = 1.48695
    (Molchanov, Ashukha and Vetrov, Variational Dropout Sparsifies Deep Neural Networks, ICML 2017, equation 14, shifted
    so that it ends in 0 for a large alpha).
    """
    noise = _K1 * (1 - torch.sigmoid(_K2 + _K3 * log_alphas))
    return (noise + 0.5 * torch.nn.functional.softplus(-log_alphas)).sum()


def normal_divergence(means: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Returns the sum of the divergences of normal posteriors from a standard normal prior, in nats.

    It is 0.5 (variance + mean**2 - 1 - log variance) (Louizos, Ullrich and Welling, Bayesian Compression for Deep
    Learning, NeurIPS 2017, equation 8).
    """
    return 0.5 * (log_variance.exp() + means.square() - 1 - log_variance).sum()
