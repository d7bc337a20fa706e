"""Loads Chars74K in two groups: the first 31 of its 62 characters (0 to 9 and A to U), and the others."""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset, in_two_groups
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._chars74k import CHARACTERS, load_chars74k


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads all images, scaled to 28x28 grey pixels unless the user asks otherwise. The parts are those of Chars74K.

    Raises:
        DatasetError: Images are missing or damaged.
    """
    return in_two_groups(load_chars74k(folder, images), "chars74k-binary", first=CHARACTERS // 2)
