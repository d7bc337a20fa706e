"""Defines what every method without a network gives: a classifier, and the bytes that it would take on a board."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from sparse_mcu.search.data.dataset import Images, Labels, Split

Pixels = npt.NDArray[np.float32]
ProgressCallback = Callable[[float], None]

WHITE = 255
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A classifier after its training.

    Attributes:
        predict: Answers the class of each image.
        numbers: The number of stored numbers.
        size_bytes: The bytes of these numbers as they would lie in flash, without code.
        ram_bytes: The input at one byte a pixel, and the largest intermediate result.
        setting: The hyperparameters that the validation images chose, in words.
        trained_on: The number of images that it was trained on.
    """

    predict: Callable[[Images], Labels]
    numbers: int
    size_bytes: int
    ram_bytes: int
    setting: str
    trained_on: int


class Fit(Protocol):
    """Trains a method; the images may be fewer than the training part has."""

    def __call__(
        self, train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback
    ) -> Fitted:
        """Trains it on `train`, and chooses its hyperparameters by its error on `validation`."""
        ...


def pixels_of(images: Images) -> Pixels:
    """Returns the images as rows of pixels, rounded to bytes as a camera gives them, between 0 and 1.

    Args:
        images: float32 [n, channels, height, width], from 0 to 1.

    Returns:
        float32 [n, channels * height * width]; every value is a whole number over 255.
    """
    rows: Pixels = (np.rint(images.reshape(len(images), -1) * np.float32(WHITE)) / WHITE).astype(np.float32)
    return rows


def first_of_each_class(data: Split, most: int, seed: int) -> Split:
    """Returns at most `most` images, drawn at random with about the same share of each class.

    Args:
        data: The images.
        most: The largest number of images.
        seed: The seed of the draw.
    """
    if len(data.labels) <= most:
        return data
    order = np.random.default_rng(seed).permutation(len(data.labels))
    ranks = np.empty(len(order), dtype=np.int64)
    for label in np.unique(data.labels):
        members = order[data.labels[order] == label]
        ranks[members] = np.arange(len(members)) * (len(order) / len(members))
    kept = np.sort(np.argsort(ranks, kind="stable")[:most])
    return Split(data.images[kept], data.labels[kept])


def error_of(labels: Labels, answers: Labels) -> float:
    """Returns the share of wrong answers."""
    return float(np.mean(answers != labels))


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets numpy, scikit-learn and torch use one thread in a `with` block.

    Sums then come in one order, so a seed gives the same model again; and small matrices are faster so.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
