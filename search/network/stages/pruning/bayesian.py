"""Prunes whole channels, neurons and features by Bayesian Compression.

Every channel and every neuron is multiplied by a factor, a normal distribution with a normal-Jeffreys prior; so is
every feature of a flattened map. Given the factors, every weight is a normal distribution with a standard normal prior.
Training lowers the error under both kinds of noise, and the divergence from the priors. A channel whose factor is noise
leaves the network, and the layers after it lose its weights (Louizos, Ullrich and Welling, Bayesian Compression for
Deep Learning, NeurIPS 2017, section 4.1).
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.stages.pruning.channels import Numbers, mixes, number_channels
from sparse_mcu.search.network.stages.pruning.divergence import log_alpha, log_uniform_divergence, normal_divergence
from sparse_mcu.search.network.stages.pruning.fitting import Extra, Lesson, fit
from sparse_mcu.search.network.stages.pruning.layers import Weighted, weighted_layers
from sparse_mcu.search.network.stages.pruning.noise import FIRST_LOG_VARIANCE, NoisyWeights, noise
from sparse_mcu.search.network.stages.pruning.removal import Kept, remove
from sparse_mcu.search.space.architecture import Flatten

LARGEST_LOG_ALPHA = -2.0
"""The logarithm of alpha from which on a factor counts as noise: its variance is 0.14 times the square of its mean.

The paper reads its thresholds off the histograms of the layers. Its authors' code keeps factors below -2.8, -3 and -5
in three dense layers. A higher threshold needs a stronger divergence to remove as much, which blurs the weights of all
that stays.
"""


class Factors:
    """Normal distributions around 1 by which values are multiplied.

    Args:
        count: The number of factors.
        device: Where they are.

    Attributes:
        means: The means, [count].
        log_variance: The logarithms of the variances, [count].
    """

    def __init__(self, count: int, device: torch.device) -> None:
        self.means = nn.Parameter(torch.ones(count, device=device))
        self.log_variance = nn.Parameter(torch.full((count,), FIRST_LOG_VARIANCE, device=device))

    def log_alpha(self) -> torch.Tensor:
        """Returns log(variance / mean**2) of each factor."""
        return log_alpha(self.means, self.log_variance)

    def alphas(self) -> npt.NDArray[np.float32]:
        """Returns `log_alpha` as an array."""
        return self.log_alpha().detach().cpu().numpy()

    def draw(self, images: int) -> torch.Tensor:
        """Returns a draw of each factor for each image, [images, count]."""
        noise = torch.randn(images, len(self.means), device=self.means.device)
        return self.means + (self.log_variance / 2).exp() * noise


class GatedInputs:
    """The factors of one layer's inputs.

    Args:
        module: The layer.
        factors: Factors that others may share.
        places: The factor of each input, int64 [inputs].
    """

    def __init__(self, module: Weighted, factors: Factors, places: Numbers) -> None:
        self.module, self.factors = module, factors
        self.places = torch.from_numpy(places).to(factors.means.device)

    def attach(self) -> RemovableHandle:
        """Lets the layer see multiplied inputs until the handle is removed."""
        return self.module.register_forward_pre_hook(self._multiply)

    def _multiply(self, _module: nn.Module, inputs: tuple[torch.Tensor]) -> torch.Tensor:
        """Returns the layer's input times a draw of its factors."""
        (values,) = inputs
        drawn = self.factors.draw(len(values))[:, self.places]
        return values * drawn.reshape(*drawn.shape, *[1] * (values.dim() - 2))

    def fold(self) -> None:
        """Multiplies the layer's weights by the means of its inputs' factors."""
        weight, means = self.module.weight, self.factors.means[self.places]
        with torch.no_grad():
            weight.mul_(means.reshape(1, -1, *[1] * (weight.dim() - 2)))


class _Posterior(Extra):
    """The distributions of a network's factors and weights.

    Args:
        network: The network.
        strength: The factor of the divergence.

    Attributes:
        numbers: The numbers of the network's channels.
        channels: The factors of all channels, by number.
        features: The factors of the features of each flattened map of several pixels, by the flattening layer's name.
        gates: The factors of the inputs of each layer.
        noisy: The weights of all layers.
    """

    def __init__(self, network: Network, strength: float) -> None:
        architecture, weighted = network.architecture, weighted_layers(network)
        device = next(network.parameters()).device
        self.strength, self.numbers = strength, number_channels(architecture)
        self.channels = Factors(len(self.numbers.fixed), device)
        self.features: dict[str, Factors] = {}
        self.gates: list[GatedInputs] = []
        self.noisy = [NoisyWeights(module) for module in weighted.values()]
        layers = {layer.name: layer for layer in architecture.layers}
        for layer in filter(mixes, architecture.layers):
            places, before = self.numbers.inputs[layer.name], layers.get(layer.inputs[0])
            if not self.numbers.fixed[places].all():
                self.gates.append(GatedInputs(weighted[layer.name], self.channels, places))
            if isinstance(before, Flatten) and prod(before.input_shape[1:]) > 1:
                factors = self.features[before.name] = Factors(len(places), device)
                self.gates.append(GatedInputs(weighted[layer.name], factors, np.arange(len(places))))

    def means(self) -> Sequence[nn.Parameter]:
        return [each.means for each in self._factors()]

    def log_variances(self) -> Sequence[nn.Parameter]:
        return [*(each.log_variance for each in self._factors()), *(each.log_variance for each in self.noisy)]

    def divergence(self) -> torch.Tensor:
        factors = [log_uniform_divergence(each.log_alpha()) for each in self._factors()]
        weights = [normal_divergence(each.module.weight, each.log_variance) for each in self.noisy]
        return self.strength * torch.stack([*factors, *weights]).sum()

    def _factors(self) -> list[Factors]:
        return [self.channels, *self.features.values()]

    def kept(self) -> Kept:
        """Returns what stays: all whose factor is no noise, all that must, and the clearest output of each layer."""
        alphas = self.channels.alphas()
        channels = (alphas < LARGEST_LOG_ALPHA) | self.numbers.fixed
        for outputs in self.numbers.outputs.values():
            channels[outputs[alphas[outputs].argmin()]] = True
        features = {name: each.alphas() for name, each in self.features.items()}
        return Kept(
            channels, {name: (each < LARGEST_LOG_ALPHA) | (each == each.min()) for name, each in features.items()}
        )


def prune_by_bayesian_compression(network: Network, lesson: Lesson, strength: float) -> Network:
    """Removes the channels, neurons and features whose factor is mostly noise (LARGEST_LOG_ALPHA).

    Args:
        network: The trained network, which is changed.
        lesson: The training during which it is pruned.
        strength: The factor of the divergence; 1 gives the variational bound of the paper.

    Returns:
        A smaller network.
    """
    posterior = _Posterior(network, strength)
    with noise(posterior.gates), noise(posterior.noisy):
        fit(network, lesson, posterior)
    for gate in posterior.gates:
        gate.fold()
    return remove(network, posterior.kept())
