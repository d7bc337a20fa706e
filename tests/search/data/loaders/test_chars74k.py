"""Chars74K's folders, made up here in small."""

from pathlib import Path

import numpy as np
import pytest
from image_files import write_classes

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import chars74k, chars74k_binary
from sparse_mcu.search.data.loaders._files import VARIABLE

SAMPLES = [f"Sample{number:03}" for number in range(1, 63)]


@pytest.mark.parametrize("inside", ["", "English/Img/GoodImg/Bmp", "English/Fnt"])
def test_the_published_folders_are_found(tmp_path: Path, inside: str) -> None:
    write_classes(tmp_path / inside, SAMPLES, images=5, shape=(9, 11, 3))
    data = chars74k.load(tmp_path)
    assert (data.name, data.task.shape, data.task.classes) == ("chars74k", (1, 28, 28), 62)
    assert [np.bincount(part.labels).tolist() for part in (data.train, data.validation, data.test)] == [
        [3] * 62,
        [1] * 62,
        [1] * 62,
    ]
    assert chars74k.load(tmp_path, ImageOptions(image_size=(9, 11), colour="rgb")).task.shape == (3, 9, 11)


def test_the_binary_variant_has_the_same_images_in_two_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path / "chars74k", SAMPLES, images=4, shape=(9, 11))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    data, binary = chars74k.load(), chars74k_binary.load()
    assert (binary.name, binary.task.classes) == ("chars74k-binary", 2)
    assert np.array_equal(binary.train.images, data.train.images)
    assert np.array_equal(binary.train.labels, data.train.labels < 31)
    assert binary.train.labels.mean() == 0.5


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, SAMPLES[:-1], images=4)
    with pytest.raises(DatasetError, match="61 folders of images instead of 62"):
        chars74k.load(tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, ("a", "b"), images=4)
    with pytest.raises(DatasetError, match=r"there is no Sample001\. Get the English characters of Chars74K"):
        chars74k.load(tmp_path)
