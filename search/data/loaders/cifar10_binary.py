"""CIFAR10-binary: the images of CIFAR-10, whose classes 0 to 4 are told from 5 to 9 (SpArSe, NeurIPS 2019)."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset, in_two_groups
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._cifar import load_cifar10

_GROUP = 5


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Load 40000 images to train on, 10000 to validate, the 10000 official ones to test; the same as of CIFAR-10.

    Raises:
        DatasetError: A batch is missing or damaged.
    """
    images.require_only(dataset="cifar10-binary")
    return in_two_groups(load_cifar10(folder), "cifar10-binary", first=_GROUP)
