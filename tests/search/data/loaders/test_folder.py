"""The dataset behind `--data DIR`."""

from pathlib import Path

import pytest
from image_files import write_classes

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import folder


def test_it_reads_a_folder_as_asked(tmp_path: Path) -> None:
    write_classes(tmp_path, ("a", "b"), shape=(8, 8, 3))
    data = folder.load(tmp_path, ImageOptions(image_size=(4, 6), colour="grey"))
    assert (data.name, data.task.shape) == ("folder", (1, 4, 6))
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [12, 4, 4]


def test_without_a_folder_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"--data: no folder is named\. Name a folder that has a sub-folder"):
        folder.load()
    with pytest.raises(DatasetError, match="x: no such folder"):
        folder.load(tmp_path / "x")
