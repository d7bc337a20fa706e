"""The smallest weights become zero, and their share is the one that was asked for."""

import copy

import pytest
import torch

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error
from sparse_mcu.search.network.stages.pruning.fitting import Lesson
from sparse_mcu.search.network.stages.pruning.layers import count_nonzero
from sparse_mcu.search.network.stages.pruning.magnitude import _Cutter, prune_by_magnitude

RECIPE = Recipe(epochs=2)


def test_the_share_of_zeros_is_exact_and_the_digits_are_still_known(network: Network, data: Dataset) -> None:
    before = float_error(network, data.validation)
    lesson = Lesson(data=data.train, recipe=RECIPE, epochs=4, seed=0)
    pruned = prune_by_magnitude(copy.deepcopy(network), lesson, 0.8)
    total = network.architecture.weights
    assert count_nonzero(network) == total
    assert count_nonzero(pruned) == total - round(0.8 * total)
    assert float_error(pruned, data.validation) < before + 0.1


def test_the_share_rises_as_a_cube_and_the_smallest_go_first(network: Network) -> None:
    network = copy.deepcopy(network)
    total, sizes = network.architecture.weights, torch.cat([p.detach().abs().flatten() for p in matrices(network)])
    cutter, zeros = _Cutter(network, 0.8), []
    for share in (0.1875, 0.375, 0.75, 1.0):
        cutter.after_step(share)
        zeros.append(1 - count_nonzero(network) / total)
    expected = [0.8 * (1 - 0.75**3), 0.8 * (1 - 0.5**3), 0.8, 0.8]
    assert zeros == pytest.approx([round(each * total) / total for each in expected])
    kept = torch.cat([p.detach().abs().flatten() for p in matrices(network)])
    assert kept[kept > 0].min() > sizes[kept == 0].max()


def matrices(network: Network) -> list[torch.nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.dim() > 1]
