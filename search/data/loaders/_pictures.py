"""Reads one untrusted image file. Formats, bytes and pixels are limited before anything is decoded."""

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Bytes = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pbm", ".bmp"})
_FORMATS = ("PNG", "JPEG", "PPM", "BMP")
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})  # eight bits a channel, or fewer
_LIMIT_BYTES = 32_000_000
_LIMIT_PIXELS = 50_000_000
_WHITE = (255, 255, 255, 255)

_T = TypeVar("_T")


class PictureError(Exception):
    """A file is no image that we read. The message says why, and the caller adds which file."""


def picture_size(path: Path) -> tuple[int, int]:
    """Returns the (height, width) of an image, from its header alone.

    Raises:
        PictureError: The file is no image of a known format, or is too large.
    """

    def upright(image: Image.Image) -> tuple[int, int]:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION, 1) in _TURNED
        return (width, height) if turned else (height, width)

    return _with_image(path, upright)


def read_picture(path: Path, size: tuple[int, int], *, grey: bool) -> Bytes:
    """Returns the pixels [channels, height, width] of an image, upright, and on white if it is transparent.

    Args:
        path: The file.
        size: The (height, width) to which it is scaled. Its proportions may change.
        grey: Whether to return one channel, the luma of ITU-R 601, instead of three.

    Raises:
        PictureError: The file is damaged, is no image of a known format, or is too large.
    """

    def pixels(image: Image.Image) -> Bytes:
        opaque = _without_transparency(ImageOps.exif_transpose(image)).convert("L" if grey else "RGB")
        if opaque.size != size[::-1]:
            opaque = opaque.resize(size[::-1], Image.Resampling.BILINEAR)
        values = np.asarray(opaque, dtype=np.uint8)
        return values[np.newaxis] if grey else np.moveaxis(values, 2, 0)

    return _with_image(path, pixels)


_ORIENTATION = 0x0112  # tag of EXIF; 5 to 8 turn the image by a quarter
_TURNED = range(5, 9)


def _with_image(path: Path, use: Callable[[Image.Image], _T]) -> _T:
    """Returns what `use` makes of an image whose size and format are within the limits."""
    try:
        data = _limited(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked here; odd metadata does not matter
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                _check(image)
                return use(image)
    except PictureError:
        raise
    except Exception as error:  # a damaged image can raise anything
        raise PictureError(f"cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Returns the words of Pillow, without the address of a buffer of ours."""
    return "it is of no known format" if isinstance(error, UnidentifiedImageError) else str(error)


def _limited(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LIMIT_BYTES + 1)
    if len(data) > _LIMIT_BYTES:
        raise PictureError(f"holds more than {_LIMIT_BYTES} bytes")
    return data


def _check(image: Image.Image) -> None:
    width, height = image.size
    if width * height > _LIMIT_PIXELS:
        raise PictureError(f"has {height}x{width} pixels, more than {_LIMIT_PIXELS}")
    if image.mode not in _MODES:
        raise PictureError(f"has pixels of kind {image.mode!r}, not of eight bits a channel")


def _without_transparency(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", coloured.size, _WHITE), coloured)
