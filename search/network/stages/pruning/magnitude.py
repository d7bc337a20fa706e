"""Prunes the smallest weights little by little, while the network goes on training.

After the share t of the training, the share s (1 - (1 - t)**3) of each layer's weights is zero, where s is the share at
the end (Zhu and Gupta, To Prune, or Not to Prune, 2017, equation 1). Weights may come back until then.
"""

import torch

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.fitting import Extra, Lesson, fit
from sparse_mcu.search.network.stages.pruning.layers import Weighted, weighted_layers

_RISE = 0.75


class _Cutter(Extra):
    """Sets the smallest weights to zero after every step.

    Args:
        network: The network.
        share: The share of each layer's weights that is zero at the end.
    """

    def __init__(self, network: Network, share: float) -> None:
        self.modules, self.share = list(weighted_layers(network).values()), share

    def after_step(self, share: float) -> None:
        rising = min(1.0, share / _RISE)
        for module in self.modules:
            _cut(module, self.share * (1 - (1 - rising) ** 3))


def _cut(module: Weighted, share: float) -> None:
    """Sets a share of the weights to zero, rounded to whole weights; one weight always stays."""
    sizes = module.weight.detach().abs().flatten()
    mask = torch.ones_like(sizes)
    mask[sizes.argsort()[: min(round(share * len(sizes)), len(sizes) - 1)]] = 0.0
    with torch.no_grad():
        module.weight.mul_(mask.reshape(module.weight.shape))


def prune_by_magnitude(network: Network, lesson: Lesson, strength: float) -> Network:
    """Prunes the smallest weights of each layer.

    Args:
        network: The trained network, which is changed.
        lesson: The training during which it is pruned.
        strength: The share of each layer's weights that becomes zero, from 0 to below 1.

    Returns:
        The network.
    """
    fit(network, lesson, _Cutter(network, strength))
    return network
