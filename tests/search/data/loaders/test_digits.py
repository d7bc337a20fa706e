"""The digits that scikit-learn carries."""

import numpy as np

from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.space.task import Task


def test_sizes_range_and_fingerprint() -> None:
    data = digits.load(None)
    assert data.task == Task((1, 8, 8), 10)
    assert (len(data.train.labels), len(data.validation.labels)) == (1438, 359)
    assert data.train.images.dtype == np.float32
    assert (data.train.images.min(), data.train.images.max()) == (0, 1)
    assert data.fingerprint == digits.load(None).fingerprint
