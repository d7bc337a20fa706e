"""Rendered characters."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import chars
from sparse_mcu.search.space.task import Task


@pytest.fixture(scope="module")
def data() -> Dataset:
    return chars.load()


def test_sizes_range_and_classes(data: Dataset) -> None:
    parts = (data.train, data.validation, data.test)
    assert data.task == Task((1, 28, 28), 62)
    assert chars.load.__doc__ is not None
    assert [int(number) for number in re.findall(r"\d{3,}", chars.load.__doc__)] == [len(p.labels) for p in parts]
    for part in parts:
        assert (part.images.dtype, part.labels.dtype) == (np.float32, np.int64)
        assert len(set(np.bincount(part.labels).tolist())) == 1
        assert (part.images.min(), part.images.max()) == (0, 1)
    assert len(chars.CHARACTERS) == len(set(chars.CHARACTERS)) == 62


def test_no_family_of_fonts_is_in_two_parts() -> None:
    families = {
        part: {re.split(r"-|Bol|Ita", name)[0].removesuffix("Mono") for name in names}
        for part, names in chars._FAMILIES.items()
    }
    assert families["train"] == {"DejaVuSans", "STIXGeneral"}
    assert families["validation"] == {"DejaVuSerif"}
    assert all(name.startswith("cm") for name in families["test"])


def test_every_image_shows_something_and_none_is_there_twice(data: Dataset) -> None:
    images = np.concatenate([part.images for part in (data.train, data.validation, data.test)])
    assert images.reshape(len(images), -1).max(axis=1).min() > 0.4
    assert len({image.tobytes() for image in images}) == len(images)


def test_glyphs_stay_on_the_canvas(data: Dataset) -> None:
    for part in (data.train, data.validation, data.test):
        edges = np.concatenate([part.images[:, 0, [0, -1]], part.images[:, 0, :, [0, -1]].transpose(1, 0, 2)], axis=1)
        assert (edges.max(axis=(1, 2)) > 0.5).mean() < 0.02


def test_a_mean_of_each_class_tells_most_characters_of_unseen_fonts(data: Dataset) -> None:
    """The classes mean something: chance is 1.6 %."""
    train, test = (part.images.reshape(len(part.images), -1) for part in (data.train, data.test))
    means = np.stack([train[data.train.labels == label].mean(axis=0) for label in range(62)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert ((test @ means.T).argmax(axis=1) == data.test.labels).mean() > 0.35


def test_rendering_is_repeatable_in_any_size() -> None:
    size = ImageOptions(image_size=(10, 12))
    small = chars.load(images=size)
    assert small.task.shape == (1, 10, 12)
    assert small.fingerprint == chars.load(images=size).fingerprint


def test_a_missing_font_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpl, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(DatasetError, match=r"DejaVuSans\.ttf: there is no such font\. Install matplotlib again"):
        chars.load()
