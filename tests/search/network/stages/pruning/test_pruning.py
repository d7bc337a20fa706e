"""Each kind of pruning, with the tuning after it."""

import copy

import numpy as np
import pytest
import torch

from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.pruning.fitting import Lesson
from sparse_mcu.search.network.stages.pruning.layers import count_nonzero, weighted_layers
from sparse_mcu.search.network.stages.pruning.pruning import METHODS, prune
from sparse_mcu.search.space.configuration import PRUNING_KINDS, Pruning

RECIPE = Recipe(epochs=2, batch_size=32)


@pytest.fixture(scope="module")
def some(data: Dataset) -> Split:
    return Split(data.train.images[:320], data.train.labels[:320])


def test_every_kind_has_a_method() -> None:
    assert tuple(METHODS) == PRUNING_KINDS


@pytest.mark.parametrize(("kind", "strength"), [("magnitude", 0.7), ("variational", 30.0), ("bayesian", 30.0)])
def test_a_kind_prunes_and_repeats_itself_for_a_seed(network: Network, some: Split, kind: str, strength: float) -> None:
    before = copy.deepcopy(network.state_dict())
    seen: list[tuple[int, int]] = []
    pruning = Pruning.model_validate({"kind": kind, "strength": strength})
    first = prune(network, some, RECIPE, pruning, seed=1, on_epoch=lambda *done: seen.append(done))
    again = prune(network, some, RECIPE, pruning, seed=1)
    assert seen == [(done, 6) for done in range(1, 7)]  # two epochs of pruning, four of tuning
    assert not first.training
    assert count_nonzero(first) < 0.9 * network.architecture.weights
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert first.architecture == again.architecture
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), again.parameters(), strict=True))


def test_the_tuning_changes_weights_and_keeps_zeros(
    network: Network, some: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halve(network: Network, _lesson: Lesson, _strength: float) -> Network:
        for module in weighted_layers(network).values():
            module.weight.data.mul_(module.weight > 0)
        return network

    monkeypatch.setitem(METHODS, "magnitude", halve)  # type: ignore[arg-type]  # a dictionary behind the Mapping
    pruned = prune(network, some, RECIPE, Pruning(kind="magnitude", strength=0.5), seed=0)
    for name, module in weighted_layers(pruned).items():
        expected = weighted_layers(network)[name].weight.detach().numpy()
        ours = module.weight.detach().numpy()
        assert np.array_equal(ours != 0, expected > 0)
        assert not np.array_equal(ours[ours != 0], expected[expected > 0])
