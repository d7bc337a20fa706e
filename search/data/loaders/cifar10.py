"""CIFAR-10 (Krizhevsky, 2009) from its original training batches, in the Python or the binary version.

The official test batch stays unread: it is for the final judgement of what a search has found.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, split_dataset
from sparse_mcu.search.data.loaders._cifar_pickle import read_python_batch
from sparse_mcu.search.data.loaders._files import find_file, read_limited, require_folder

_SOURCE = "the Python or binary version of CIFAR-10 (data_batch_1 to data_batch_5)"
_LIMIT_BYTES = 64_000_000
_BATCHES = range(1, 6)
_PIXELS = 3 * 32 * 32
_CLASSES = 10
_WHITE = 255

Bytes = npt.NDArray[np.uint8]


def load(folder: Path | None) -> Dataset:
    """Load from the user's folder; 40000 images to train on, 10000 to validate.

    Raises:
        DatasetError: A batch is missing or damaged.
    """
    place = require_folder(folder, name="cifar10", source=_SOURCE)
    batches = [_read_batch(place, number) for number in _BATCHES]
    images = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([classes for _, classes in batches])
    scaled = (images / np.float32(_WHITE)).astype(np.float32)
    return split_dataset("cifar10", scaled, labels.astype(np.int64), classes=_CLASSES, validation_share=0.2)


def _read_batch(folder: Path, number: int) -> tuple[Bytes, Bytes]:
    """Images [n, 3, 32, 32] and labels [n] of one batch."""
    path = find_file(folder, (f"data_batch_{number}", f"data_batch_{number}.bin"), source=_SOURCE)
    data = read_limited(path, _LIMIT_BYTES, source=_SOURCE)
    pixels, labels = _read_binary(data, path) if path.suffix == ".bin" else read_python_batch(data, path)
    if pixels.shape != (len(labels), _PIXELS) or labels.max(initial=0) >= _CLASSES:
        raise DatasetError(
            f"pixels {pixels.shape} do not go with {len(labels)} labels up to {labels.max(initial=0)}",
            where=str(path),
            fix=f"Get {_SOURCE} again.",
        )
    return pixels.reshape(-1, 3, 32, 32), labels


def _read_binary(data: bytes, path: Path) -> tuple[Bytes, Bytes]:
    """Records of one label and 3072 pixels."""
    if not data or len(data) % (1 + _PIXELS):
        raise DatasetError(f"not whole records of {1 + _PIXELS} bytes", where=str(path), fix=f"Get {_SOURCE} again.")
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, 1 + _PIXELS)
    return records[:, 1:], records[:, 0]
