"""k nearest neighbours: the vote, the error, and the bytes."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from sparse_mcu.search.baselines import knn
from sparse_mcu.search.baselines.fitted import error_of, pixels_of
from sparse_mcu.search.data.dataset import Dataset


def test_the_majority_wins_and_the_nearest_breaks_ties() -> None:
    nearest = np.array([[2, 1, 1], [2, 1, 0], [1, 2, 2], [0, 0, 1]])
    assert knn.vote(nearest, 3).tolist() == [1, 2, 2, 0]
    assert knn.vote(np.array([[3, 1, 1, 0, 0, 4, 4]]), 5).tolist() == [1]


def test_it_is_right_and_as_large_as_its_images(few_digits: Dataset) -> None:
    fitted = knn.fit(few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=lambda _: None)
    answers = fitted.predict(few_digits.test.images)
    assert error_of(few_digits.test.labels, answers) < 0.1
    k = int(fitted.setting.removeprefix("k="))
    # 400 images of 64 pixels, a byte each, and a byte for each label.
    assert (fitted.size_bytes, fitted.numbers, fitted.trained_on) == (400 * 65, 400 * 64, 400)
    assert fitted.ram_bytes == 64 + 5 * k
    theirs = KNeighborsClassifier(k).fit(pixels_of(few_digits.train.images), few_digits.train.labels)
    assert np.mean(theirs.predict(pixels_of(few_digits.test.images)) != answers) <= 0.01


def test_k_is_the_one_of_least_validation_error(few_digits: Dataset) -> None:
    fitted = knn.fit(few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=lambda _: None)
    ours = error_of(few_digits.validation.labels, fitted.predict(few_digits.validation.images))
    pixels, checked = pixels_of(few_digits.train.images), pixels_of(few_digits.validation.images)
    for k in (1, 3, 5, 7):
        theirs = KNeighborsClassifier(k).fit(pixels, few_digits.train.labels).predict(checked)
        assert ours <= error_of(few_digits.validation.labels, theirs) + 0.01
