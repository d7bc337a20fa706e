"""MNIST (LeCun, Cortes and Burges) from its original training files, in IDX format, packed or not.

The official test images stay unread: they are for the final judgement of what a search has found.
"""

from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, split_dataset
from sparse_mcu.search.data.loaders._files import find_file, read_limited, require_folder

_SOURCE = "train-images-idx3-ubyte and train-labels-idx1-ubyte (also .gz) of MNIST"
_LIMIT_BYTES = 64_000_000
_UNSIGNED_BYTE = 8
_WHITE = 255


def load(folder: Path | None) -> Dataset:
    """Load from the user's folder; 50000 images to train on, 10000 to validate.

    Raises:
        DatasetError: A file is missing or damaged, or the two do not belong together.
    """
    place = require_folder(folder, name="mnist", source=_SOURCE)
    images = _read(place, "images", dimensions=3)
    labels = _read(place, "labels", dimensions=1)
    if len(images) != len(labels) or images.shape[1:] != (28, 28) or labels.max(initial=0) > 9:  # noqa: PLR2004 - digits
        raise DatasetError(
            f"{images.shape} images do not go with {labels.shape} labels up to {labels.max(initial=0)}",
            where=str(place),
            fix=f"Get {_SOURCE} again.",
        )
    pixels = (images[:, np.newaxis] / np.float32(_WHITE)).astype(np.float32)
    return split_dataset("mnist", pixels, labels.astype(np.int64), classes=10, validation_share=1 / 6)


def _read(folder: Path, what: str, *, dimensions: int) -> npt.NDArray[np.uint8]:
    stems = (f"train-{what}-idx{dimensions}-ubyte", f"train-{what}.idx{dimensions}-ubyte")
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
