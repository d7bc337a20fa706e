"""scikit-learn's 1797 handwritten digits, 8x8 pixels of 0..16: a search in minutes."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sparse_mcu.search.data.dataset import Dataset, split_dataset

_WHITE = 16


def load(_folder: Path | None) -> Dataset:
    """Load from the installed scikit-learn; 1437 images to train on, 360 to validate."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 1, 8, 8) / _WHITE).astype(np.float32)
    return split_dataset("digits", pixels, labels.astype(np.int64), classes=10, validation_share=0.2)
