"""Sparse Variational Dropout makes zeros of weights that are of no use."""

import copy

import pytest
import torch
from torch import nn

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error
from sparse_mcu.search.network.stages.pruning.fitting import Lesson
from sparse_mcu.search.network.stages.pruning.layers import count_nonzero
from sparse_mcu.search.network.stages.pruning.noise import NoisyWeights, noise
from sparse_mcu.search.network.stages.pruning.variational import prune_by_variational_dropout


def test_weights_become_zero_and_more_of_them_if_it_is_stronger(network: Network, data: Dataset) -> None:
    total = network.architecture.weights
    lesson = Lesson(data=data.train, recipe=Recipe(epochs=1, batch_size=32), epochs=3, seed=0)
    light, strong = (prune_by_variational_dropout(copy.deepcopy(network), lesson, s) for s in (1.0, 10.0))
    assert count_nonzero(network) == total
    assert count_nonzero(strong) < 0.8 * count_nonzero(light) < 0.8 * 0.9 * total
    assert all(not module._forward_hooks for module in light.modules())
    assert float_error(light, data.validation) < 0.2


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, stride=2, bias=False),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.Linear(36, 5),
    ],
)
def test_the_noise_of_outputs_is_that_of_weights(layer: nn.Conv2d | nn.Linear) -> None:
    generator = torch.Generator().manual_seed(0)
    noisy = NoisyWeights(layer)
    noisy.log_variance.data.uniform_(-4, -1, generator=generator)
    values = torch.randn(1, *((4, 5, 5) if isinstance(layer, nn.Conv2d) else (36,)), generator=generator)
    means = layer.weight.detach().clone()
    torch.manual_seed(0)
    with torch.no_grad():
        plain = layer(values)
        with noise([noisy]):
            ours = layer(values.expand(4000, *values.shape[1:]))
        theirs = []
        for _ in range(400):
            layer.weight.copy_(means + (noisy.log_variance / 2).exp() * torch.randn_like(means))
            theirs.append(layer(values))
        layer.weight.copy_(means)
        assert torch.equal(layer(values), plain)
    assert torch.allclose(ours.mean(dim=0), plain[0], atol=0.2)
    assert torch.allclose(ours.var(dim=0), torch.cat(theirs).var(dim=0), rtol=0.4)
