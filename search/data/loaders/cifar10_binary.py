"""Loads CIFAR10-binary: CIFAR-10 in two groups, its classes 0 to 4 and 5 to 9 (SpArSe, NeurIPS 2019)."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset, in_two_groups
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._cifar import load_cifar10

_GROUP = 5


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads the images and parts of CIFAR-10: 40000 to train, 10000 to validate, and the 10000 official ones to test.

    Raises:
        DatasetError: A batch is missing or damaged.
    """
    images.require_only(dataset="cifar10-binary")
    return in_two_groups(load_cifar10(folder), "cifar10-binary", first=_GROUP)
