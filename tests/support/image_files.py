"""Writes small image files for the tests of datasets."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def noise(seed: int, *shape: int) -> Pixels:
    """Pixels [height, width] or [height, width, 3], another image for every seed."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, pixels: Pixels) -> None:
    """Write an image in the format of the file's suffix; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(
    folder: Path, names: Iterable[str], *, images: int = 10, shape: tuple[int, ...] = (6, 8), seed: int = 0
) -> None:
    """Write a sub-folder of noise for each class."""
    for number, name in enumerate(names):
        for index in range(images):
            write_image(folder / name / f"{index}.png", noise(seed + 1000 * number + index, *shape))
