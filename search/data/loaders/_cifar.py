"""Reads CIFAR-10's original batches, in the Python or the binary version.

The official test batch is the test part. A search never sees it.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.data.dataset import Dataset, Split, hold_out, make_dataset
from sparse_mcu.search.data.loaders._cifar_pickle import read_python_batch
from sparse_mcu.search.data.loaders._files import Source

_SOURCE = Source("cifar10", "the Python or binary version of CIFAR-10 (data_batch_1 to data_batch_5, test_batch)")
_LIMIT_BYTES = 64_000_000
_TRAINING_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_PIXELS = 3 * 32 * 32
_CLASSES = 10
_WHITE = 255

Bytes = npt.NDArray[np.uint8]


def load_cifar10(folder: Path | None) -> Dataset:
    """Loads the batches. A fifth of the training images validates.

    Raises:
        DatasetError: A batch is missing or damaged.
    """
    place = _SOURCE.folder(folder)
    train, validation = hold_out(_read_part(place, *_TRAINING_BATCHES), 1 / 5)
    test = _read_part(place, "test_batch")
    return make_dataset("cifar10", classes=_CLASSES, train=train, validation=validation, test=test)


def _read_part(folder: Path, *names: str) -> Split:
    """Returns the images of some batches with their labels."""
    batches = [_read_batch(folder, name) for name in names]
    images = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([classes for _, classes in batches])
    return Split((images / np.float32(_WHITE)).astype(np.float32), labels.astype(np.int64))


def _read_batch(folder: Path, name: str) -> tuple[Bytes, Bytes]:
    """Returns images [n, 3, 32, 32] and labels [n] of one batch."""
    path = _SOURCE.find(folder, (name, f"{name}.bin"))
    data = _SOURCE.read(path, _LIMIT_BYTES)
    pixels, labels = _read_binary(data, path) if path.suffix == ".bin" else read_python_batch(data, path)
    largest = labels.max(initial=0)
    if pixels.shape != (len(labels), _PIXELS) or largest >= _CLASSES:
        raise _SOURCE.damaged(f"pixels {pixels.shape} do not go with {len(labels)} labels up to {largest}", path)
    return pixels.reshape(-1, 3, 32, 32), labels


def _read_binary(data: bytes, path: Path) -> tuple[Bytes, Bytes]:
    """Returns pixels and labels of records that hold one label and 3072 pixels each."""
    if not data or len(data) % (1 + _PIXELS):
        raise _SOURCE.damaged(f"not whole records of {1 + _PIXELS} bytes", path)
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, 1 + _PIXELS)
    return records[:, 1:], records[:, 0]
