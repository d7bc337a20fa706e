"""A child that has lost what its parent knew, or is mostly new, does not train for a short time only."""

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score
from torch import nn

from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.resemblance import LEAST_KNOWLEDGE, agreement, classes_of, resembles
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture

PARENT = "conv-3x8/max conv-3x8 dense"


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits.load(None)


@pytest.fixture(scope="module")
def parent(data: Dataset) -> Network:
    return train(build_architecture(parse(PARENT), data.task), data.train, Recipe(epochs=4, batch_size=32), seed=0)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        (PARENT, True),
        ("conv-3x9/max conv-3x8 dense", True),  # these keep the function
        ("conv-5x8/max conv-3x8 dense", True),
        ("conv-3x8/max conv-3x8 sep-3x8 dense", True),
        ("pool2 conv-3x8/max conv-3x8 dense", False),  # another resolution
        ("conv-3x8/max dense", False),  # without a layer
        ("conv-3x8/max conv-3x24 dense", False),  # it keeps the function, but most of it is new
    ],
)
def test_children_are_close_to_their_parent_or_not(
    parent: Network, data: Dataset, child: str, *, expected: bool
) -> None:
    layers = build_architecture(parse(child), data.task)
    assert resembles(parent, layers, data.train) is expected


def test_the_order_of_the_images_does_not_matter(parent: Network, data: Dataset) -> None:
    thrice = np.argsort(np.tile(data.train.labels, 3)) % len(data.train.labels)
    by_class = Split(data.train.images[thrice], data.train.labels[thrice])  # as mnist5k comes: zeros, then ones ...
    assert resembles(parent, build_architecture(parse("conv-3x9/max conv-3x8 dense"), data.task), by_class)


def test_agreement_is_what_chance_does_not_explain() -> None:
    one, other = torch.tensor([0, 1, 2, 2, 1, 0, 3, 3, 1, 1]), torch.tensor([0, 1, 2, 1, 1, 0, 0, 3, 2, 1])
    assert agreement(one, one) == pytest.approx(1)
    assert agreement(one, other) == pytest.approx(cohen_kappa_score(one.numpy(), other.numpy()))
    assert agreement(one, torch.full_like(one, 3)) == pytest.approx(0)


def test_nobody_inherits_from_a_network_that_knows_little(parent: Network, data: Dataset) -> None:
    assert resembles(parent, parent.architecture, data.train)
    dull = copy.deepcopy(parent)
    logits = [each for each in dull.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        logits.weight[:6] = 0
        logits.bias[:6] -= 1000
    known = agreement(classes_of(dull, data.train.images), torch.from_numpy(data.train.labels))
    assert 0.2 < known < LEAST_KNOWLEDGE
    assert not resembles(dull, dull.architecture, data.train)


def test_nobody_inherits_from_a_network_that_knows_one_class_only(parent: Network, data: Dataset) -> None:
    dull = copy.deepcopy(parent)
    logits = [each for each in dull.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        logits.bias[3] += 1000
    assert not resembles(dull, dull.architecture, data.train)
