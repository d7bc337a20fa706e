"""Support vector machine with a Gaussian kernel, one against one."""

from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.svm import SVC

from sparse_mcu.search.baselines.fitted import (
    FLOAT_BYTES,
    Fitted,
    Pixels,
    ProgressCallback,
    error_of,
    first_of_each_class,
    pixels_of,
)
from sparse_mcu.search.data.dataset import Images, Labels, Split

MOST_IMAGES = 10_000
COUNTED = (
    "a byte for each pixel of a support vector, 4 B for each of its coefficients and for the offset of each pair of "
    "classes, 2 B for the vectors of each class; RAM: the input, and 4 B for a kernel value and for each pair"
)

_FOR_CHOOSING = 2000
_WIDTHS = (0.5, 1.0, 2.0)
_PENALTIES = (2.0, 10.0)
_ROWS_AT_A_TIME = 1000

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StoredMachine:
    """All that a board needs to decide.

    Attributes:
        vectors: The support vectors [n, features], ordered by class.
        counts: The number of support vectors of each class.
        coefficients: For each vector, one coefficient for each other class [classes - 1, n], as libsvm orders them.
        offsets: One number for each pair of classes.
        gamma: The factor of the squared distance in the kernel.
    """

    vectors: Pixels
    counts: tuple[int, ...]
    coefficients: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]
    gamma: float

    @classmethod
    def of(cls, machine: SVC, vectors: Pixels, labels: Labels, gamma: float) -> Self:
        """Takes from a trained machine what must be stored.

        Args:
            machine: The machine.
            vectors: What it was trained on.
            labels: The classes of these.
            gamma: The gamma that it was trained with.
        """
        counts = np.bincount(labels[machine.support_])[machine.classes_]
        return cls(
            vectors=vectors[machine.support_],
            counts=tuple(int(count) for count in counts),
            coefficients=machine.dual_coef_.astype(np.float32),
            offsets=machine.intercept_.astype(np.float32),
            gamma=gamma,
        )

    @property
    def size_bytes(self) -> int:
        """Returns the bytes of vectors, coefficients, offsets, counts and gamma."""
        numbers = self.coefficients.size + self.offsets.size + 1
        return self.vectors.size + FLOAT_BYTES * numbers + 2 * len(self.counts)

    def classes_of(self, pixels: Pixels) -> Labels:
        """Returns the class with the most won pairs for each row; the first one among equals."""
        parts = [
            self._classes_of(pixels[first : first + _ROWS_AT_A_TIME])
            for first in range(0, len(pixels), _ROWS_AT_A_TIME)
        ]
        return np.concatenate(parts)

    def _classes_of(self, pixels: Pixels) -> Labels:
        products = self._kernel(pixels)
        starts = np.concatenate([[0], np.cumsum(self.counts)])
        wins = np.zeros((len(pixels), len(self.counts)), dtype=np.int64)
        sign = -1 if len(self.counts) == 2 else 1  # noqa: PLR2004 - scikit-learn turns the sign for two classes
        for pair, (one, other) in enumerate(combinations(range(len(self.counts)), 2)):
            ours, theirs = (slice(starts[label], starts[label + 1]) for label in (one, other))
            value = (
                products[:, ours] @ self.coefficients[other - 1, ours]
                + products[:, theirs] @ self.coefficients[one, theirs]
                + self.offsets[pair]
            )
            is_one = sign * value > 0
            wins[:, one] += is_one
            wins[:, other] += ~is_one
        winners: Labels = wins.argmax(axis=1)
        return winners

    def _kernel(self, pixels: Pixels) -> FloatArray:
        """Returns exp(-gamma |x - v|^2) for each row x and each vector v."""
        rows, vectors = pixels.astype(np.float64), self.vectors.astype(np.float64)
        squares = (rows**2).sum(axis=1)[:, np.newaxis] + (vectors**2).sum(axis=1) - 2 * rows @ vectors.T
        kernel: FloatArray = np.exp(-self.gamma * np.maximum(squares, 0))
        return kernel


def fit(train: Split, validation: Split, *, classes: int, seed: int, on_progress: ProgressCallback) -> Fitted:
    """Trains on all images with the gamma and the penalty C that did best on at most 2,000 of them.

    Gamma is 0.5, 1 or 2 over the number of pixels times their variance. C is 2 or 10.
    """
    some = first_of_each_class(train, _FOR_CHOOSING, seed)
    scale = 1 / float(train.images[0].size * pixels_of(some.images).var())
    grid = [(width, penalty) for width in _WIDTHS for penalty in _PENALTIES]
    errors = []
    for step, (width, penalty) in enumerate(grid, start=1):
        tried = _train(some, width * scale, penalty)
        errors.append(error_of(validation.labels, tried.classes_of(pixels_of(validation.images))))
        on_progress(0.5 * step / len(grid))
    width, penalty = grid[int(np.argmin(errors))]
    machine = _train(train, width * scale, penalty)

    def predict(images: Images) -> Labels:
        return machine.classes_of(pixels_of(images))

    pairs = classes * (classes - 1) // 2
    return Fitted(
        predict=predict,
        numbers=machine.vectors.size + machine.coefficients.size + machine.offsets.size,
        size_bytes=machine.size_bytes,
        ram_bytes=train.images[0].size + FLOAT_BYTES * (1 + pairs),
        setting=f"{len(machine.vectors)} vectors, C={penalty:g}, gamma x {width:g}",
        trained_on=len(train.labels),
    )


def _train(data: Split, gamma: float, penalty: float) -> StoredMachine:
    pixels = pixels_of(data.images)
    machine = SVC(C=penalty, gamma=gamma, cache_size=500).fit(pixels, data.labels)
    return StoredMachine.of(machine, pixels, data.labels, gamma)
