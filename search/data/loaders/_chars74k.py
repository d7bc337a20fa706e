"""Loads Chars74K (de Campos, Babu and Varma, 2009): English characters in 62 folders, Sample001 to Sample062.

There is no official test part. Of each character's images three fifths train, a fifth validates and a fifth tests.
"""

from pathlib import Path

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders._files import Source
from sparse_mcu.search.data.loaders._image_folder import load_image_folder

CHARACTERS = 62
_SOURCE = Source("chars74k", "the English characters of Chars74K (EnglishImg or EnglishFnt)")
_INSIDE = ("", "English/Img/GoodImg/Bmp", "Img/GoodImg/Bmp", "GoodImg/Bmp", "English/Fnt", "Fnt")
_FIRST = "Sample001"
_SIDE = 28


def load_chars74k(folder: Path | None, images: ImageOptions) -> Dataset:
    """Loads one set of characters: photographs (EnglishImg, the good ones) or computer fonts (EnglishFnt).

    Raises:
        DatasetError: Images are missing or damaged.
    """
    place = _SOURCE.folder(folder)
    samples = _SOURCE.find(place, (str(Path(inside, _FIRST)) for inside in _INSIDE)).parent
    options = images.with_defaults(image_size=(_SIDE, _SIDE), colour="grey")
    data = load_image_folder(samples, _SOURCE.name, options)
    if data.task.classes != CHARACTERS:
        raise _SOURCE.damaged(f"{data.task.classes} folders of images instead of {CHARACTERS}", samples)
    return data
