"""Loads Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): clothes in the form of MNIST, from its original files."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._files import Source
from sparse_mcu.search.data.loaders._idx import FILES, load_idx

_SOURCE = Source(
    "fashion-mnist",
    f"{FILES} of Fashion-MNIST",
    "On Debian and Ubuntu, `apt-get install dataset-fashion-mnist` puts them where they are found at once.",
    Path("/usr/share/datasets/fashion-mnist"),
)


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads 50000 images to train, 10000 to validate, and the 10000 official ones to test.

    Raises:
        DatasetError: A file is missing or damaged, or images and labels do not belong together.
    """
    images.require_only(dataset="fashion-mnist")
    return load_idx(_SOURCE, folder)
