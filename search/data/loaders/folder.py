"""Loads the user's own images from a folder with a sub-folder for each class: `--data DIR`."""

from pathlib import Path

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._image_folder import load_image_folder

_FIX = "Name a folder that has a sub-folder of images (PNG, JPEG, PGM, PPM or BMP) for each class."


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads the images. Without parts in the folder, three fifths train, a fifth validates and a fifth tests.

    Raises:
        DatasetError: Images are missing, damaged or of several sizes.
    """
    if folder is None or not folder.is_dir():
        raise DatasetError(
            "no such folder" if folder else "no folder is named", where=str(folder or "--data"), fix=_FIX
        )
    return load_image_folder(folder, "folder", images)
