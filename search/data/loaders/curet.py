"""Loads CUReT (Dana, van Ginneken, Nayar and Koenderink, 1999): cropped photographs of 61 textures, a folder each.

There is no official test part. Of each texture's images three fifths train, a fifth validates and a fifth tests.
"""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders._files import Source
from sparse_mcu.search.data.loaders._image_folder import load_image_folder

_SOURCE = Source("curet", "the cropped images of CUReT, in a folder for each of its 61 textures")
_TEXTURES = 61
_SIDE = 64


def load(folder: Path | None = None, images: ImageOptions = AS_FOUND) -> Dataset:
    """Loads all images, scaled to 64x64 pixels unless the user asks otherwise.

    Raises:
        DatasetError: Images are missing or damaged.
    """
    place = _SOURCE.folder(folder)
    data = load_image_folder(place, _SOURCE.name, images.with_defaults(image_size=(_SIDE, _SIDE)))
    if data.task.classes != _TEXTURES:
        raise _SOURCE.damaged(f"{data.task.classes} folders of images instead of {_TEXTURES}", place)
    return data
