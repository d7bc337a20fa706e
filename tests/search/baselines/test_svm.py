"""The support vector machine: what is stored suffices to decide, and its bytes are those of what is stored."""

import numpy as np
import pytest
from sklearn.svm import SVC

from sparse_mcu.search.baselines import svm
from sparse_mcu.search.baselines.fitted import error_of, pixels_of
from sparse_mcu.search.baselines.svm import StoredMachine
from sparse_mcu.search.data.dataset import Dataset


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_what_is_stored_decides_as_the_machine_does(few_digits: Dataset, classes: int) -> None:
    some = few_digits.train.labels < classes
    pixels, labels = pixels_of(few_digits.train.images[some]), few_digits.train.labels[some]
    machine = SVC(C=2.0, gamma=0.05).fit(pixels, labels)
    stored = StoredMachine.of(machine, pixels, labels, 0.05)
    asked = pixels_of(few_digits.test.images)
    assert np.array_equal(stored.classes_of(asked), machine.predict(asked))
    # Vectors of 64 bytes with classes - 1 coefficients of 4 B; an offset of 4 B a pair; gamma; a count of 2 B a class.
    vectors, pairs = len(machine.support_), classes * (classes - 1) // 2
    assert stored.size_bytes == vectors * (64 + 4 * (classes - 1)) + 4 * pairs + 4 + 2 * classes


def test_rows_are_decided_alike_in_parts(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = pixels_of(few_digits.train.images)
    machine = SVC(gamma=0.05).fit(pixels, few_digits.train.labels)
    stored = StoredMachine.of(machine, pixels, few_digits.train.labels, 0.05)
    whole = stored.classes_of(pixels)
    monkeypatch.setattr(svm, "_ROWS_AT_A_TIME", 7)
    assert np.array_equal(stored.classes_of(pixels), whole)


def test_it_is_right_and_small_in_ram(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "_FOR_CHOOSING", 200)
    seen: list[float] = []
    fitted = svm.fit(few_digits.train, few_digits.validation, classes=10, seed=0, on_progress=seen.append)
    assert error_of(few_digits.test.labels, fitted.predict(few_digits.test.images)) < 0.1
    assert fitted.ram_bytes == 64 + 4 * (1 + 45)
    assert fitted.trained_on == 400
    assert seen == sorted(seen)
