"""LeNet keeps its accuracy with a twentieth of its weights. MNIST's own files are needed."""

from pathlib import Path

import pytest

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import mnist
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.network.stages.pruning.layers import count_nonzero
from sparse_mcu.search.network.stages.pruning.pruning import prune
from sparse_mcu.search.space.configuration import Pruning
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture

LENET = "conv-5x20/valid/max conv-5x50/valid/max dense-500 dense"
TRAINING = Recipe(epochs=6, batch_size=128, learning_rate=0.01, augmentation=0.5)
PRUNING = Recipe(epochs=6, batch_size=128, augmentation=0.5)
CASES = (Pruning(kind="variational", strength=2.0), Pruning(kind="bayesian", strength=4.0))
"""Other seeds chose the strengths (docs/search.md)."""

MORE = 30
"""How many more of the 10,000 test images may be wrong."""

SEED = 7


@pytest.fixture(scope="module")
def data(shared_data: Path) -> Dataset:
    return mnist.load(shared_data / "mnist")


@pytest.fixture(scope="module")
def lenet(data: Dataset) -> Network:
    return train(build_architecture(parse(LENET), data.task), data.train, TRAINING, seed=SEED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("pruning", CASES, ids=lambda each: each.kind)
def test_a_twentieth_of_lenet_is_as_good_as_all_of_it_within_the_bar(
    data: Dataset, lenet: Network, pruning: Pruning
) -> None:
    pruned = prune(lenet, data.train, PRUNING, pruning, seed=SEED + 1)
    assert count_nonzero(pruned) <= 0.05 * lenet.architecture.weights
    before, after = (round(float_error(each, data.test) * len(data.test.labels)) for each in (lenet, pruned))
    assert after - before <= MORE
    if pruning.kind == "bayesian":
        assert pruned.architecture.weights <= 0.05 * lenet.architecture.weights  # they left, and are no zeros
