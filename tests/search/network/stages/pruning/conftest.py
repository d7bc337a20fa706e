"""One network that knows the digits, which tests prune."""

import pytest

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture


@pytest.fixture(scope="session")
def data() -> Dataset:
    """The digits."""
    return digits.load(None)


@pytest.fixture(scope="session")
def network(data: Dataset) -> Network:
    """A trained network of all kinds of layers. Tests copy it before they change it."""
    architecture = build_architecture(parse("conv-3x12/max sep-3x16 dense-24 dense"), data.task)
    return train(architecture, data.train, Recipe(epochs=4, batch_size=32), seed=0)
