"""Loads Chars74K: the ten digits and 52 letters of English, photographed or printed."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._chars74k import load_chars74k


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads all images, scaled to 28x28 grey pixels unless the user asks otherwise.

    Raises:
        DatasetError: Images are missing or damaged.
    """
    return load_chars74k(folder, images)
