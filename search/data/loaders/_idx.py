"""Datasets in the form of MNIST: four files in IDX format, packed or not.

The official test images are the test part: a search never sees them, and what it has found is judged on them.
"""

from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.loaders._files import Source

FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (also .gz)"
_LIMIT_BYTES = 64_000_000
_UNSIGNED_BYTE = 8
_WHITE = 255
_SIDE = 28
_CLASSES = 10


def load_idx(source: Source, folder: Path | None) -> Dataset:
    """Load the four files of a dataset of 28x28 pixels and ten classes; a sixth of the training images validates.

    Raises:
        DatasetError: A file is missing or damaged, or images and labels do not belong together.
    """
    place = source.folder(folder)
    train, validation = hold_out(read_part(source, place, "train"), 1 / 6)
    test = read_part(source, place, "t10k")
    return make_dataset(source.name, classes=_CLASSES, train=train, validation=validation, test=test)


def read_part(source: Source, folder: Path, part: str) -> Split:
    """The images of "train" or "t10k" with their labels.

    Raises:
        DatasetError: A file is missing or damaged, or images and labels do not belong together.
    """
    images = _read(source, folder, f"{part}-images", dimensions=3)
    labels = _read(source, folder, f"{part}-labels", dimensions=1)
    largest = labels.max(initial=0)
    if len(images) != len(labels) or images.shape[1:] != (_SIDE, _SIDE) or largest >= _CLASSES:
        what = f"{images.shape} images of {part} do not go with {labels.shape} labels up to {largest}"
        raise source.damaged(what, folder)
    return Split((images[:, np.newaxis] / np.float32(_WHITE)).astype(np.float32), labels.astype(np.int64))


def _read(source: Source, folder: Path, what: str, *, dimensions: int) -> npt.NDArray[np.uint8]:
    stems = (f"{what}-idx{dimensions}-ubyte", f"{what}.idx{dimensions}-ubyte")
    path = source.find(folder, [stem + suffix for stem in stems for suffix in ("", ".gz")])
    return _read_idx(source, path, dimensions=dimensions)


def _read_idx(source: Source, path: Path, *, dimensions: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes: two zeros, type, number of dimensions, sizes (big-endian), data."""
    data = source.read(path, _LIMIT_BYTES)
    header = 4 + 4 * dimensions
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(4, header, 4)]
    if data[:4] != bytes([0, 0, _UNSIGNED_BYTE, dimensions]) or len(data) != header + prod(sizes):
        raise source.damaged(f"not an IDX file of {dimensions} dimensions, or cut off", path)
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(sizes)
