"""A child begins where its parent ended."""

from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.inheritance import inherit
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.resemblance import resembles
from sparse_mcu.search.network.stages.float_training import TrainingState, float_error, train
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space, build_architecture
from sparse_mcu.search.space.task import Task

TASK = Task((1, 12, 12), 10)
IMAGES = np.random.default_rng(0).random((32, 1, 12, 12)).astype(np.float32)
UNSEEN = torch.from_numpy(np.random.default_rng(1).random((40, 1, 12, 12)).astype(np.float32))

PRESERVING = (
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x12/max sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-5x8/max sep-4x9 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8 conv-3x8/max sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max conv-3x9 sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max conv-3x8/add sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max conv-3x4/cat sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max sep-3x6|conv-1x3 dense"),
    ("conv-3x8/max sep-3x6 avg dense", "conv-3x8/max sep-3x6 dense"),
    ("conv-3x8/max sep-3x6 avg dense", "conv-3x8/max sep-3x6 avg dense-9 dense"),
    ("conv-3x8/max sep-3x6 avg dense-12 dense", "conv-3x8/max sep-3x6 avg dense-14 dense"),
    ("conv-3x8 conv-3x8/add/max sep-3x6 dense", "conv-3x8 conv-5x8/add/max sep-3x6 conv-3x6/add dense"),
    ("conv-3x8 conv-3x8/cat/max sep-3x6 dense", "conv-3x8 conv-3x10/cat/max conv-1x18 sep-3x6 dense"),
    ("conv-3x8|sep-5x4 conv-3x8/max sep-3x6 dense", "conv-3x9|sep-5x5 conv-3x8/max sep-3x6 dense"),
    ("pool2 dense-9 dense", "pool2 dense-15 dense"),
    ("conv-3x8/max dense-9 dense", "conv-3x8/max dense-9 dense-9 dense"),
    ("pool2 dense-9 dense", "pool2 dense-9 dense-12 dense"),
)

APPROXIMATE = (  # parent, child, and the least correlation of their logits
    ("conv-3x8/max sep-3x6 dense", "conv-3x7/max sep-3x6 dense", 0.5),
    ("conv-5x8/max conv-3x6 dense", "conv-4x8/max conv-3x6 dense", 0.3),
    ("conv-3x8 conv-3x8/add/max conv-3x6 dense", "conv-3x7 conv-3x7/add/max conv-3x6 dense", 0.5),
    ("conv-3x8/max dense-12 dense", "conv-3x8/max dense", 0.3),
    ("conv-3x8/max sep-3x6 dense", "conv-3x8/max sep-3x6 avg dense", 0.2),
)


def grown(text: str, seed: int = 0) -> Network:
    """Returns a network whose statistics and factors are not those that it was made with."""
    torch.manual_seed(seed)
    network = Network(build_architecture(parse(text), TASK))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    network.train()
    with torch.no_grad():
        for _ in range(5):
            network(torch.from_numpy(IMAGES))
    return network.eval()


def logits(network: Network) -> torch.Tensor:
    with torch.no_grad():
        return network(UNSEEN)


@pytest.mark.parametrize(("parent", "child"), PRESERVING)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000))
def test_these_changes_keep_the_function(parent: str, child: str, seed: int) -> None:
    network = grown(parent, seed)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    heir = inherit(network, build_architecture(parse(child), TASK), IMAGES, seed=seed)
    assert torch.allclose(logits(heir), logits(network), atol=1e-4)
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())


@pytest.mark.parametrize(("parent", "child", "least"), APPROXIMATE)
def test_these_changes_keep_some_of_it(parent: str, child: str, least: float) -> None:
    found = []
    for seed in range(4):
        network = grown(parent, seed)
        heir = inherit(network, build_architecture(parse(child), TASK), IMAGES, seed=seed)
        found.append(np.corrcoef(logits(heir).flatten(), logits(network).flatten())[0, 1])
    assert np.mean(found) > least


def test_new_channels_can_learn_at_once() -> None:
    heir = inherit(grown("conv-3x4 avg dense"), build_architecture(parse("conv-3x6 avg dense"), TASK), IMAGES, seed=0)
    heir.train()
    nn.functional.cross_entropy(heir(UNSEEN), torch.arange(40) % 10).backward()
    last = [each for each in heir.parameters() if each.dim() > 1][-1]
    assert last.grad is not None
    assert float(last.detach()[:, 4:].abs().max()) == 0
    assert float(last.grad[:, 4:].abs().min()) > 0


def test_channels_with_the_smallest_weights_leave() -> None:
    parent = grown("conv-3x4 avg dense")
    convolution = next(each for each in parent.modules() if isinstance(each, nn.Conv2d))
    with torch.no_grad():
        convolution.weight[1] *= 1e-3
    heir = inherit(parent, build_architecture(parse("conv-3x3 avg dense"), TASK), IMAGES, seed=0)
    kept = next(each for each in heir.modules() if isinstance(each, nn.Conv2d))
    assert torch.equal(kept.weight, convolution.weight[[0, 2, 3]])


def test_any_network_can_follow_any_other() -> None:
    space, rng = Space(TASK), np.random.default_rng(0)
    for seed in range(40):
        one, other = space.sample(rng), space.sample(rng)
        torch.manual_seed(seed)
        parent = Network(build_architecture(one, TASK)).eval()
        for child in (other, *neighbours(one, space, rng, 3)):
            heir = inherit(parent, build_architecture(child, TASK), IMAGES[:16], seed=seed)
            assert all(bool(values.isfinite().all()) for values in heir.state_dict().values())


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


def test_a_training_with_a_parent_does_not_begin_from_scratch(data: Dataset) -> None:
    recipe = Recipe(epochs=6)
    parent_layers = build_architecture(parse("conv-3x8/max avg dense"), data.task)
    child_layers = build_architecture(parse("conv-3x9/max avg dense-16 dense"), data.task)
    parent = train(parent_layers, data.train, recipe, seed=0)
    short = recipe.model_copy(update={"epochs": 1})
    begun = TrainingState.begin(child_layers, data.train, short, seed=1, parent=parent)
    assert float_error(begun.network, data.validation) == pytest.approx(float_error(parent, data.validation), abs=0.03)
    morph = train(child_layers, data.train, short, seed=1, parent=parent)
    anew = train(child_layers, data.train, short, seed=1)
    assert float_error(morph, data.validation) < float_error(anew, data.validation) - 0.1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_morphs_with_three_tenths_of_the_epochs_are_as_good_as_networks_trained_anew(data: Dataset) -> None:
    space, rng, recipe, differences = Space(data.task), np.random.default_rng(1), Recipe(epochs=20), list[float]()
    for seed in count():
        configuration = space.sample(rng)
        parent = train(build_architecture(configuration, data.task), data.train, recipe, seed=seed)
        layers = [build_architecture(child, data.task) for child in neighbours(configuration, space, rng, 8)]
        child = next((each for each in layers if resembles(parent, each, data.train)), None)
        if child is not None:
            morph = train(child, data.train, recipe.shortened(0.3), seed=seed, parent=parent)
            anew = train(child, data.train, recipe, seed=seed)
            differences.append(float_error(anew, data.validation) - float_error(morph, data.validation))
        if len(differences) == 15:
            break
    error = np.std(differences, ddof=1) / len(differences) ** 0.5
    assert np.mean(differences) > max(-2 * error, -0.01), differences
