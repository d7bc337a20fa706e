"""Fashion-MNIST: MNIST's reader, another name, and the place of a Debian package."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import fashion_mnist
from sparse_mcu.search.data.loaders._files import VARIABLE


def write(folder: Path) -> None:
    """Ten images of each class to train on, one to test."""
    for part, count in (("train", 100), ("t10k", 10)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for name, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
            (folder / name).write_bytes(bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes())


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Debian package would put the files; a folder of the test's."""
    folder = tmp_path / "share"
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(fashion_mnist, "_SOURCE", replace(fashion_mnist._SOURCE, packaged=folder))
    return folder


def test_the_package_is_found_at_once(packaged: Path) -> None:
    packaged.mkdir()
    write(packaged)
    data = fashion_mnist.load()
    assert (data.name, data.task.shape, data.task.classes) == ("fashion-mnist", (1, 28, 28), 10)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [80, 20, 10]


def test_without_it_the_error_says_how_to_install_it(packaged: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        fashion_mnist.load()
    assert str(packaged) in str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)


def test_the_place_is_debians() -> None:
    assert fashion_mnist._SOURCE.packaged == Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.slow
def test_the_real_package() -> None:
    place = fashion_mnist._SOURCE.packaged
    if place is None or not place.is_dir():
        pytest.skip("dataset-fashion-mnist is not installed")
    data = fashion_mnist.load(place)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [50_000, 10_000, 10_000]
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
