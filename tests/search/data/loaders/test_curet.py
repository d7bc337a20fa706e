"""CUReT's folders, made up here in small."""

from pathlib import Path

import pytest
from image_files import write_classes

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import curet
from sparse_mcu.search.data.loaders._files import VARIABLE

TEXTURES = [f"sample{number:02}" for number in range(1, 62)]


def test_textures_are_scaled_and_split(tmp_path: Path) -> None:
    write_classes(tmp_path, TEXTURES, images=4, shape=(70, 70))
    data = curet.load(tmp_path)
    assert (data.name, data.task.shape, data.task.classes) == ("curet", (1, 64, 64), 61)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [122, 61, 61]
    assert curet.load(tmp_path, ImageOptions(image_size=(20, 24))).task.shape == (1, 20, 24)


def test_another_number_of_textures_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, TEXTURES[:-1], images=4)
    with pytest.raises(DatasetError, match="60 folders of images instead of 61"):
        curet.load(tmp_path)


def test_missing_files_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DatasetError, match="Get the cropped images of CUReT, in a folder for each of its 61 textures"):
        curet.load()
