"""The digits that scikit-learn carries."""

import re

import numpy as np

from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.space.task import Task


def test_sizes_range_and_fingerprint() -> None:
    data = digits.load(None)
    assert data.task == Task((1, 8, 8), 10)
    sizes = [len(split.labels) for split in (data.train, data.validation, data.test)]
    assert (sizes, sum(sizes)) == ([1079, 359, 359], 1797)
    assert digits.load.__doc__ is not None
    assert [int(number) for number in re.findall(r"\d+", digits.load.__doc__)] == sizes
    assert data.train.images.dtype == np.float32
    assert (data.train.images.min(), data.train.images.max()) == (0, 1)
    assert data.fingerprint == digits.load(None).fingerprint
