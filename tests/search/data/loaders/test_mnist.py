"""MNIST's original files, made up here in small."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import _idx, mnist
from sparse_mcu.search.data.loaders._files import VARIABLE

LABELS = np.repeat(np.arange(10, dtype=np.uint8), 12)
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 28, 28), dtype=np.uint8)
TEST_LABELS = np.arange(10, dtype=np.uint8)
TEST_IMAGES = np.broadcast_to(TEST_LABELS[:, np.newaxis, np.newaxis], (10, 28, 28))


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def write(folder: Path, images: bytes, labels: bytes, *, packed: bool = False, dot: bool = False) -> None:
    files = {
        "train-images-idx3-ubyte": images,
        "train-labels-idx1-ubyte": labels,
        "t10k-images-idx3-ubyte": idx(TEST_IMAGES),
        "t10k-labels-idx1-ubyte": idx(TEST_LABELS),
    }
    for stem, data in files.items():
        name = stem.replace("-idx", ".idx") if dot else stem
        (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", [False, True])
def test_plain_and_packed_files_give_the_same_data(tmp_path: Path, packed: bool, dot: bool) -> None:
    write(tmp_path, idx(IMAGES), idx(LABELS), packed=packed, dot=dot)
    data = mnist.load(tmp_path)
    assert data.train.images.shape == (100, 1, 28, 28)
    assert np.bincount(data.validation.labels).tolist() == [2] * 10
    everything = np.concatenate([data.train.images, data.validation.images])
    assert np.isclose(everything.sum(), IMAGES.sum() / 255, rtol=1e-6)


def test_the_official_test_files_are_the_test_part_and_nothing_else_is(tmp_path: Path) -> None:
    write(tmp_path, idx(IMAGES), idx(LABELS))
    data = mnist.load(tmp_path)
    assert np.array_equal(np.rint(data.test.images[:, 0] * 255), TEST_IMAGES)
    assert np.array_equal(data.test.labels, TEST_LABELS)


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_missing_test_files_say_how_to_get_them(tmp_path: Path, name: str) -> None:
    write(tmp_path, idx(IMAGES), idx(LABELS))
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match=rf"no {name}. Get .*{name}.* --data-dir"):
        mnist.load(tmp_path)


def test_every_image_keeps_its_label(tmp_path: Path) -> None:
    marked = np.broadcast_to(LABELS[:, np.newaxis, np.newaxis], IMAGES.shape)
    write(tmp_path, idx(marked), idx(LABELS))
    data = mnist.load(tmp_path)
    for split in (data.train, data.validation):
        assert np.array_equal(np.rint(split.images[:, 0, 0, 0] * 255), split.labels)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx(IMAGES)[:-1], idx(LABELS), "cut off"),
        (idx(IMAGES) + b"x", idx(LABELS), "cut off"),
        (idx(LABELS), idx(LABELS), "3 dimensions"),
        (b"", idx(LABELS), "not an IDX file"),
        (idx(IMAGES[:-1]), idx(LABELS), "do not go with"),
        (idx(IMAGES[:, :27]), idx(LABELS), "do not go with"),
        (idx(IMAGES), idx(LABELS + 1), "labels up to 10"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, idx(LABELS), "cut off"),
    ],
)
def test_damage_is_named(tmp_path: Path, images: bytes, labels: bytes, message: str) -> None:
    write(tmp_path, images, labels)
    with pytest.raises(DatasetError, match=message):
        mnist.load(tmp_path)


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    write(tmp_path, idx(IMAGES), idx(LABELS), packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="cannot be read"):
        mnist.load(tmp_path)


def test_an_archive_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_idx, "_LIMIT_BYTES", 1000)
    write(tmp_path, idx(IMAGES), idx(LABELS), packed=True)
    with pytest.raises(DatasetError, match="more than 1000 bytes"):
        mnist.load(tmp_path)


@pytest.mark.parametrize("folder", [None, Path("does-not-exist"), Path()])
def test_missing_files_say_how_to_get_them(
    tmp_path: Path, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DatasetError, match=r"Get train-images-idx3-ubyte, .* --data-dir"):
        mnist.load(None if folder is None else tmp_path / folder)


def test_the_variable_finds_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", idx(IMAGES), idx(LABELS))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert mnist.load().fingerprint == mnist.load(tmp_path / "mnist").fingerprint


@pytest.mark.slow
def test_the_real_files(shared_data: Path) -> None:
    data = mnist.load(shared_data / "mnist")
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [49_999, 10_001, 10_000]
    assert np.bincount(data.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
