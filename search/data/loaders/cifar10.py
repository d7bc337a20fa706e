"""Loads CIFAR-10 (Krizhevsky, 2009) from its original batches."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._cifar import load_cifar10


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads 40000 images to train, 10000 to validate, and the 10000 official ones to test.

    Raises:
        DatasetError: A batch is missing or damaged.
    """
    images.require_only(dataset="cifar10")
    return load_cifar10(folder)
