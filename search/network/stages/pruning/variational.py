"""Prunes single weights by Sparse Variational Dropout.

Every weight becomes a normal distribution with a variance of its own. Training lowers the error under that noise, and
the divergence from a log-uniform prior, which is smaller the more noise there is. Weights that drown in their noise
are of no use, and become zero (Molchanov, Ashukha and Vetrov, Variational Dropout Sparsifies Deep Neural Networks,
ICML 2017).
"""

from collections.abc import Sequence

import torch
from torch import nn

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.divergence import THRESHOLD, log_uniform_divergence
from sparse_mcu.search.network.stages.pruning.fitting import Extra, Lesson, fit
from sparse_mcu.search.network.stages.pruning.layers import weighted_layers
from sparse_mcu.search.network.stages.pruning.noise import NoisyWeights, noise


class _Posterior(Extra):
    """The distributions of all weights of a network.

    Args:
        network: The network.
        strength: The factor of the divergence.
    """

    def __init__(self, network: Network, strength: float) -> None:
        self.noisy, self.strength = [NoisyWeights(module) for module in weighted_layers(network).values()], strength

    def log_variances(self) -> Sequence[nn.Parameter]:
        return [each.log_variance for each in self.noisy]

    def divergence(self) -> torch.Tensor:
        return self.strength * torch.stack([log_uniform_divergence(each.log_alpha()) for each in self.noisy]).sum()


def prune_by_variational_dropout(network: Network, lesson: Lesson, strength: float) -> Network:
    """Prunes the weights whose noise has more than 20 times the variance of their value.

    Args:
        network: The trained network, which is changed.
        lesson: The training during which it is pruned.
        strength: The factor of the divergence; 1 gives the variational bound of the paper.

    Returns:
        The network.
    """
    posterior = _Posterior(network, strength)
    with noise(posterior.noisy):
        fit(network, lesson, posterior)
    with torch.no_grad():
        for each in posterior.noisy:
            each.module.weight.mul_(each.log_alpha() < THRESHOLD)
    return network
