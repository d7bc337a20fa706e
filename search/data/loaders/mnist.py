"""MNIST (LeCun, Cortes and Burges) from its original files, in IDX format, packed or not.

The official test images are the test part: a search never sees them, and what it has found is judged on them.
"""

from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.loaders._files import find_file, read_limited, require_folder

_SOURCE = (
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte "
    "(also .gz) of MNIST"
)
_LIMIT_BYTES = 64_000_000
_UNSIGNED_BYTE = 8
_WHITE = 255


def load(folder: Path | None) -> Dataset:
    """Load from the user's folder: 50000 images to train on, 10000 to validate, the 10000 official ones to test.

    Raises:
        DatasetError: A file is missing or damaged, or images and labels do not belong together.
    """
    place = require_folder(folder, name="mnist", source=_SOURCE)
    train, validation = hold_out(_read_part(place, "train"), 1 / 6)
    return make_dataset("mnist", classes=10, train=train, validation=validation, test=_read_part(place, "t10k"))


def _read_part(folder: Path, part: str) -> Split:
    """The images of "train" or "t10k" with their labels."""
    images = _read(folder, f"{part}-images", dimensions=3)
    labels = _read(folder, f"{part}-labels", dimensions=1)
    if len(images) != len(labels) or images.shape[1:] != (28, 28) or labels.max(initial=0) > 9:  # noqa: PLR2004 - digits
        raise DatasetError(
            f"{images.shape} images of {part} do not go with {labels.shape} labels up to {labels.max(initial=0)}",
            where=str(folder),
            fix=f"Get {_SOURCE} again.",
        )
    return Split((images[:, np.newaxis] / np.float32(_WHITE)).astype(np.float32), labels.astype(np.int64))


def _read(folder: Path, what: str, *, dimensions: int) -> npt.NDArray[np.uint8]:
    stems = (f"{what}-idx{dimensions}-ubyte", f"{what}.idx{dimensions}-ubyte")
    path = find_file(folder, [stem + suffix for stem in stems for suffix in ("", ".gz")], source=_SOURCE)
    return read_idx(path, dimensions=dimensions)


def read_idx(path: Path, *, dimensions: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes: two zeros, type, number of dimensions, sizes (big-endian), data.

    Raises:
        DatasetError: It is not one, of another dimension, or cut off.
    """
    data = read_limited(path, _LIMIT_BYTES, source=_SOURCE)
    header = 4 + 4 * dimensions
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(4, header, 4)]
    if data[:4] != bytes([0, 0, _UNSIGNED_BYTE, dimensions]) or len(data) != header + prod(sizes):
        raise DatasetError(
            f"not an IDX file of {dimensions} dimensions, or cut off", where=str(path), fix=f"Get {_SOURCE} again."
        )
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(sizes)
