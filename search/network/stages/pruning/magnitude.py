"""Prunes the smallest weights little by little, while the network goes on training.

The share of zeros rises as s (1 - (1 - t)**3), where s is the share at the end, and t rises from 0 to 1 in the first
three quarters of the training (Zhu and Gupta, To Prune, or Not to Prune, 2017, equation 1). Weights may come back.

The paper prunes every layer by the same share. Here all layers compete by the size of their weights, so that small
layers keep more: their weights are larger, and each of them matters more.
"""

import torch

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.fitting import Extra, Lesson, fit
from sparse_mcu.search.network.stages.pruning.layers import weighted_layers

_RISE = 0.75


class _Cutter(Extra):
    """Sets the smallest weights to zero after every step.

    Args:
        network: The network.
        share: The share of the weights that is zero at the end.
    """

    def __init__(self, network: Network, share: float) -> None:
        self.modules, self.share = list(weighted_layers(network).values()), share

    def after_step(self, share: float) -> None:
        left = 1 - min(1.0, share / _RISE)
        sizes = torch.cat([module.weight.detach().abs().flatten() for module in self.modules])
        count = round(self.share * (1 - left**3) * len(sizes))
        if count:
            largest_cut = sizes.kthvalue(count).values
            with torch.no_grad():
                for module in self.modules:
                    module.weight.mul_(module.weight.abs() > largest_cut)


def prune_by_magnitude(network: Network, lesson: Lesson, strength: float) -> Network:
    """Prunes the smallest weights.

    Args:
        network: The trained network, which is changed.
        lesson: The training during which it is pruned.
        strength: The share of the weights that becomes zero, from 0 to below 1.

    Returns:
        The network.
    """
    fit(network, lesson, _Cutter(network, strength))
    return network
