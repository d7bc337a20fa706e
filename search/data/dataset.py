"""What a dataset is, and how it is split."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

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

    def spread(self, count: int) -> "Split":
        """Returns at most `count` images at even distances, so that all classes are among them if they are sorted."""
        chosen = np.linspace(0, len(self.labels), min(count, len(self.labels)), endpoint=False).astype(np.int64)
        return Split(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification task with its data, in three parts that have no image in common.

    Attributes:
        name: The key that users type.
        task: Shape of an image and number of classes.
        train: What candidates are trained and calibrated on.
        validation: What their error is measured on; never seen in training, but it decides which of them are kept.
        fingerprint: sha256 over shapes and bytes of the four arrays of these two parts, hex. All that a search does
            follows from them.
        load_test: Gives the third part; see `test`.
    """

    name: str
    task: Task
    train: Split
    validation: Split
    fingerprint: str
    load_test: Callable[[], Split]

    @property
    def test(self) -> Split:
        """What the search never sees: what it found is judged on these images at the end.

        Raises:
            DatasetError: The dataset's test images lie in files of their own, and these are missing or damaged.
        """
        return self.load_test()

    def joined(self) -> "Dataset":
        """Returns the dataset with the validation images among those to train on, for networks that are chosen already.

        They are still the validation part, but what is measured there says nothing about new images.
        """
        parts = (self.train, self.validation)
        images, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels"))
        return replace(self, train=Split(images, labels))

    @property
    def test_fingerprint(self) -> str:
        """sha256 over shapes and bytes of the test part, hex.

        Raises:
            DatasetError: See `test`.
        """
        return _fingerprint(self.test)


def make_dataset(
    name: str, *, classes: int, train: Split, validation: Split, test: Split | Callable[[], Split]
) -> Dataset:
    """A dataset of three parts; the task follows from the images.

    Args:
        name: The dataset's key.
        classes: Number of classes.
        train: To train on.
        validation: To choose by.
        test: To judge by at the end; or what loads it when it is asked for first, which may raise a DatasetError.
    """
    channels, height, width = train.images.shape[1:]
    task = Task((channels, height, width), classes)
    load_test = cache(test) if callable(test) else lambda: test
    return Dataset(name, task, train, validation, _fingerprint(train, validation), load_test)


def in_two_groups(data: Dataset, name: str, *, first: int) -> Dataset:
    """The same images and parts with two classes: 1 for what was among the first classes, 0 for the others.

    Args:
        data: A dataset of more classes.
        name: The key of the new one.
        first: How many classes are among the first.
    """

    def grouped(part: Split) -> Split:
        return replace(part, labels=(part.labels < first).astype(np.int64))

    train, validation = grouped(data.train), grouped(data.validation)
    return make_dataset(name, classes=2, train=train, validation=validation, test=lambda: grouped(data.test))


def hold_out(data: Split, share: float, seed: int = 0) -> tuple[Split, Split]:
    """Split images into those that stay and those that are held out, by class, always in the same way for a seed.

    Args:
        data: The images.
        share: Part of each class that is held out (rounded to whole images).
        seed: Another one holds out other images.

    Returns:
        What stays, and what is held out; both in the order of `data`.
    """
    rng = np.random.default_rng(_SPLIT_SEED + seed)
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
