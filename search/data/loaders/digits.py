"""Loads scikit-learn's 1797 handwritten digits of 8x8 pixels. A search on them takes minutes."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions

_WHITE = 16


def load(_folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads 1079 images to train, 359 to validate and 359 to test from the installed scikit-learn."""
    images.require_only(dataset="digits")
    values, labels = load_digits(return_X_y=True)
    pixels = (values.reshape(-1, 1, 8, 8) / _WHITE).astype(np.float32)
    rest, validation = hold_out(Split(pixels, labels.astype(np.int64)), 1 / 5)
    train, test = hold_out(rest, 1 / 4)
    return make_dataset("digits", classes=10, train=train, validation=validation, test=test)
