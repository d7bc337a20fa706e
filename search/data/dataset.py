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
    """A classification task with its data, in three parts that have no image in common.

    Attributes:
        name: The key that users type.
        task: Shape of an image and number of classes.
        train: What candidates are trained and calibrated on.
        validation: What their error is measured on; never seen in training, but it decides which of them are kept.
        test: What the search never sees: the front's members are judged on it when the search has ended.
        fingerprint: sha256 over shapes and bytes of all six arrays, hex.
    """

    name: str
    task: Task
    train: Split
    validation: Split
    test: Split
    fingerprint: str


def make_dataset(name: str, *, classes: int, train: Split, validation: Split, test: Split) -> Dataset:
    """A dataset of three parts; the task follows from the images.

    Args:
        name: The dataset's key.
        classes: Number of classes.
        train: To train on.
        validation: To choose by.
        test: To judge by at the end.
    """
    channels, height, width = train.images.shape[1:]
    task = Task((channels, height, width), classes)
    return Dataset(name, task, train, validation, test, _fingerprint(train, validation, test))


def hold_out(data: Split, share: float) -> tuple[Split, Split]:
    """Split images into those that stay and those that are held out, by class, always in the same way.

    Args:
        data: The images.
        share: Part of each class that is held out (rounded to whole images).

    Returns:
        What stays, and what is held out; both in the order of `data`.
    """
    rng = np.random.default_rng(_SPLIT_SEED)
    held_out = np.zeros(len(data.labels), dtype=np.bool_)
    for label in np.unique(data.labels):
        members = rng.permutation(np.flatnonzero(data.labels == label))
        held_out[members[: round(len(members) * share)]] = True
    return Split(data.images[~held_out], data.labels[~held_out]), Split(data.images[held_out], data.labels[held_out])


def _fingerprint(*splits: Split) -> str:
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.images, split.labels):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
