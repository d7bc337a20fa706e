"""A folder of images by class: nothing is lost, nothing is doubled, and the split follows from the pixels."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import noise, write_classes, write_image
from PIL import Image

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.images import AS_FOUND, ImageOptions
from sparse_mcu.search.data.loaders import _image_folder
from sparse_mcu.search.data.loaders._image_folder import load_image_folder

CLASSES = ("ape", "bee", "cat")


def load(folder: Path, options: ImageOptions = AS_FOUND) -> Dataset:
    return load_image_folder(folder, "folder", options)


def images_of(*parts: Split) -> set[tuple[bytes, int]]:
    """Every image, as bytes, with its label."""
    return {
        (np.rint(image * 255).astype(np.uint8).tobytes(), int(label))
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    }


def three_parts(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train, data.validation, data.test


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(4, 12), min_size=2, max_size=4),
    coloured=st.booleans(),
    seed=st.integers(0, 3),
    height=st.integers(1, 6),
)
def test_every_image_is_in_one_part_with_its_class(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], coloured: bool, seed: int, height: int
) -> None:
    folder, shape = tmp_path_factory.mktemp("images"), (height, 8, 3) if coloured else (height, 8)
    wanted = set()
    for label, count in enumerate(counts):
        for index in range(count):
            pixels = noise(100 * label + index, *shape)
            write_image(folder / f"class {label}" / f"{index}.png", pixels)
            wanted.add(((np.moveaxis(pixels, 2, 0) if coloured else pixels).tobytes(), label))
    data = load(folder, ImageOptions(split_seed=seed))
    assert (data.task.shape, data.task.classes) == ((3 if coloured else 1, height, 8), len(counts))
    assert images_of(*three_parts(data)) == wanted
    assert sum(len(part.labels) for part in three_parts(data)) == sum(counts)
    for label, count in enumerate(counts):
        train, validation, test = (int((part.labels == label).sum()) for part in three_parts(data))
        assert validation == round(count / 5)
        assert test == round((count - validation) / 4)
        assert min(train, validation, test) >= 1


def test_the_split_follows_from_pixels_and_seed_alone(tmp_path: Path) -> None:
    write_classes(tmp_path / "a", CLASSES)
    for index, path in enumerate(sorted((tmp_path / "a").rglob("*.png"), reverse=True)):
        other = tmp_path / "b" / path.parent.name / f"{index:03}.bmp"
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(other)
    assert load(tmp_path / "a").fingerprint == load(tmp_path / "b").fingerprint
    by_seed = {load(tmp_path / "a", ImageOptions(split_seed=seed)).fingerprint for seed in range(3)}
    assert len(by_seed) == 3


def test_one_more_image_is_another_fingerprint(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    before = load(tmp_path).fingerprint
    write_image(tmp_path / "bee" / "more.png", noise(77, 6, 8))
    assert load(tmp_path).fingerprint != before


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_parts_of_the_folder_are_kept(tmp_path: Path, validation: str) -> None:
    for seed, part in enumerate(("train", validation, "test")):
        write_classes(tmp_path / part, CLASSES, images=2 + seed, seed=100 * seed)
    data = load(tmp_path)
    assert [np.bincount(part.labels).tolist() for part in three_parts(data)] == [[2] * 3, [3] * 3, [4] * 3]
    stored = {np.asarray(Image.open(path)).tobytes() for path in (tmp_path / "test").rglob("*.png")}
    assert {pixels for pixels, _ in images_of(data.test)} == stored


@pytest.mark.parametrize(("part", "sizes"), [("test", (24, 6, 9)), ("val", (24, 9, 6))])
def test_a_missing_part_is_held_out_of_train(tmp_path: Path, part: str, sizes: tuple[int, ...]) -> None:
    write_classes(tmp_path / "train", CLASSES)
    write_classes(tmp_path / part, CLASSES, images=3, seed=100)
    assert tuple(len(each.labels) for each in three_parts(load(tmp_path))) == sizes


def test_images_are_grey_where_all_are_and_as_asked_elsewhere(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    for path in (tmp_path / "ape").iterdir():
        Image.open(path).convert("RGB").save(path)
    assert load(tmp_path).task.shape == (1, 6, 8)
    assert load(tmp_path, ImageOptions(colour="rgb")).task.shape == (3, 6, 8)
    write_image(tmp_path / "ape" / "0.png", noise(0, 6, 8, 3))
    assert load(tmp_path).task.shape == (3, 6, 8)
    assert load(tmp_path, ImageOptions(colour="grey", image_size=(3, 5))).task.shape == (1, 3, 5)


def test_several_sizes_need_one_that_is_asked_for(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES, shape=(40, 50))
    write_image(tmp_path / "bee" / "other.png", noise(99, 10, 11))
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    assert "images of 2 sizes, from 10x11 to 40x50; 40x50 is the commonest" in str(caught.value)
    assert "--image-size 32x32" in str(caught.value)
    assert load(tmp_path, ImageOptions(image_size=(32, 32))).task.shape == (1, 32, 32)


def test_an_image_that_a_class_has_twice_is_kept_once(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    before = load(tmp_path).fingerprint
    shutil.copy(tmp_path / "ape" / "0.png", tmp_path / "ape" / "again.png")
    assert load(tmp_path).fingerprint == before


@pytest.mark.parametrize(("source", "target"), [("train/ape", "train/bee"), ("train/ape", "test/ape")])
def test_an_image_in_two_classes_or_parts_is_refused(tmp_path: Path, source: str, target: str) -> None:
    for seed, part in enumerate(("train", "test")):
        write_classes(tmp_path / part, CLASSES, seed=100 * seed)
    shutil.copy(tmp_path / source / "0.png", tmp_path / target / "again.png")
    with pytest.raises(
        DatasetError, match=rf"again\.png: the same image as .*{source}/0\.png, in another class or part"
    ):
        load(tmp_path)


@pytest.mark.parametrize("asked", [AS_FOUND, ImageOptions(image_size=(4, 4))])
def test_all_broken_files_are_named_in_one_error(tmp_path: Path, asked: ImageOptions) -> None:
    write_classes(tmp_path, CLASSES)
    for index in range(7):
        (tmp_path / "bee" / f"broken{index}.png").write_bytes(b"no image")
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, asked)
    message = str(caught.value)
    assert message.startswith("files that are no images (7): ")
    assert [f"broken{index}.png" in message for index in range(7)] == [True] * 5 + [False] * 2
    assert "; and 2 more. Repair or remove them." in message


def test_a_file_cut_off_after_its_header_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES, shape=(30, 30))
    path = tmp_path / "cat" / "3.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"files that are no images \(1\): .*cat/3\.png cannot be read"):
        load(tmp_path)


def test_other_and_hidden_files_do_not_matter(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    before = load(tmp_path).fingerprint
    (tmp_path / "README.txt").write_text("about")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "ape" / "notes.csv").write_text("1,2")
    (tmp_path / "ape" / "._0.png").write_bytes(b"of another system")
    assert load(tmp_path).fingerprint == before


@pytest.mark.parametrize("what", ["file", "class", "loop"])
def test_links_that_leave_the_folder_are_refused(tmp_path: Path, what: str) -> None:
    folder, outside = tmp_path / "images", tmp_path / "outside"
    write_classes(folder, CLASSES)
    write_classes(outside, ("secret",))
    if what == "file":
        (folder / "bee" / "x.png").symlink_to(outside / "secret" / "0.png")
    else:
        (folder / "x").symlink_to(outside / "secret" if what == "class" else tmp_path)
    with pytest.raises(DatasetError, match=r"x(\.png)?: a link that leaves the folder"):
        load(folder)


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    before = load(tmp_path).fingerprint
    (tmp_path / "ape" / "0.png").rename(tmp_path / "ape" / "kept.bin")
    (tmp_path / "ape" / "0.png").symlink_to(tmp_path / "ape" / "kept.bin")
    assert load(tmp_path).fingerprint == before


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    os.mkfifo(tmp_path / "ape" / "pipe.png")
    assert load(tmp_path).task.classes == 3


def test_mistakes_in_the_layout_are_named(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            load(tmp_path)

    refused("0 sub-folders, but a class is a sub-folder")
    write_classes(tmp_path, ("ape",))
    refused("1 sub-folders, but a class is a sub-folder")
    write_classes(tmp_path, ("bee",), images=3, seed=1000)
    refused("class bee has 3 different images")
    (tmp_path / "cat").mkdir()
    refused("cat: a class without images. Put images there")
    (tmp_path / "cat" / "deeper").mkdir()
    refused("deeper: a folder among the images of a class")


def test_mistakes_in_the_parts_are_named(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", CLASSES)
    (tmp_path / "test").mkdir()
    with pytest.raises(DatasetError, match="test: no images"):
        load(tmp_path)
    write_classes(tmp_path / "test", ("dog",), seed=9000)
    with pytest.raises(DatasetError, match="dog: a class without training images"):
        load(tmp_path)
    (tmp_path / "Train").mkdir()
    with pytest.raises(DatasetError, match="Train and train are one part"):
        load(tmp_path)
    (tmp_path / "Train").rename(tmp_path / "more")
    with pytest.raises(DatasetError, match="more: a folder beside train that is no part"):
        load(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_classes(tmp_path, ("bus", "test", "train"))
    assert load(tmp_path).task.classes == 3


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("_MAX_FILES", 29, "more than 29 images"),
        ("_MAX_CLASSES", 2, "3 sub-folders"),
        (
            "_MAX_VALUES",
            30 * 3 * 6 * 8 - 1,
            r"30 images of 3x6x8 \(channels, height, width\) are more than 4319 values",
        ),
    ],
)
def test_limits_are_kept_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    write_classes(tmp_path, CLASSES)
    monkeypatch.setattr(_image_folder, limit, value)
    monkeypatch.setattr(_image_folder, "read_picture", None)
    with pytest.raises(DatasetError, match=message):
        load(tmp_path)
