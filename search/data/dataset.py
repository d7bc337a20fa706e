"""What a dataset is, and how it is split."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.space.task import Task

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

_SPLIT_SEED = 20190


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images with their classes.

    Attributes:
        images: float32 [n, channels, height, width], between 0 and 1.
        labels: int64 [n], from 0 to classes - 1.
    """

    images: Images
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification task with its data.

    Attributes:
        name: The key that users type.
        task: Shape of an image and number of classes.
        train: What candidates are trained and calibrated on.
        validation: What their error is measured on; never seen in training.
        fingerprint: sha256 over shapes and bytes of all four arrays, hex.
    """

    name: str
    task: Task
    train: Split
    validation: Split
    fingerprint: str


def split_dataset(name: str, images: Images, labels: Labels, *, classes: int, validation_share: float) -> Dataset:
    """Split into train and validation, stratified by class, always in the same way.

    Args:
        name: The dataset's key.
        images: float32 [n, channels, height, width], between 0 and 1.
        labels: int64 [n].
        classes: Number of classes.
        validation_share: Part of each class that is held out (rounded to whole images).
    """
    rng = np.random.default_rng(_SPLIT_SEED)
    held_out = np.zeros(len(labels), dtype=np.bool_)
    for label in range(classes):
        members = rng.permutation(np.flatnonzero(labels == label))
        held_out[members[: round(len(members) * validation_share)]] = True
    train = Split(images[~held_out], labels[~held_out])
    validation = Split(images[held_out], labels[held_out])
    channels, height, width = images.shape[1:]
    return Dataset(name, Task((channels, height, width), classes), train, validation, _fingerprint(train, validation))


def _fingerprint(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.images, split.labels):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
