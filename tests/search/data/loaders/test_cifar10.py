"""CIFAR-10's original files, made up here in small; and pickles that want more than to be data."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import DatasetError
from sparse_mcu.search.data.loaders import cifar10, cifar10_binary
from sparse_mcu.search.data.loaders._cifar_pickle import read_python_batch

LABELS = np.repeat(np.arange(10, dtype=np.uint8), 5)
PIXELS = np.random.default_rng(0).integers(0, 256, (len(LABELS), 3072), dtype=np.uint8)
TEST_LABELS = np.arange(10, dtype=np.uint8)
TEST_PIXELS = np.random.default_rng(1).integers(0, 256, (len(TEST_LABELS), 3072), dtype=np.uint8)
PARTS = {f"data_batch_{number}": (PIXELS, LABELS) for number in range(1, 6)} | {
    "test_batch": (TEST_PIXELS, TEST_LABELS)
}

# What Python 2 and numpy 1 wrote for {"data": uint8 [[1, 2]], "labels": [3]}: the form of the official files.
PYTHON_2_PICKLE = (
    b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    b"(K\x01K\x01K\x02\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x02\x01\x02tbU\x06labels]K\x03au."
)


class Malicious:
    """Asks the unpickler to make a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        """Have os.mkdir called."""
        return (os.mkdir, (str(self.target),))


def write_binary(folder: Path) -> None:
    for name, (pixels, labels) in PARTS.items():
        records = np.concatenate([labels[:, np.newaxis], pixels], axis=1).tobytes()
        (folder / f"{name}.bin").write_bytes(records)


def write_python(folder: Path, protocol: int) -> None:
    for name, (pixels, labels) in PARTS.items():
        batch = {b"batch_label": b"x", b"data": pixels, b"labels": labels.tolist(), b"filenames": [b"a.png"]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_python_and_binary_versions_agree(tmp_path: Path, protocol: int) -> None:
    binary, python = tmp_path / "binary", tmp_path / "python"
    binary.mkdir()
    python.mkdir()
    write_binary(binary)
    write_python(python, protocol)
    data = cifar10.load(binary)
    assert data.fingerprint == cifar10.load(python).fingerprint
    assert data.train.images.shape == (200, 3, 32, 32)
    assert np.bincount(data.validation.labels).tolist() == [5] * 10


def test_the_official_test_batch_is_the_test_part_and_nothing_else_is(tmp_path: Path) -> None:
    write_binary(tmp_path)
    data = cifar10.load(tmp_path)
    assert np.array_equal(np.rint(data.test.images * 255).reshape(10, -1), TEST_PIXELS)
    assert np.array_equal(data.test.labels, TEST_LABELS)


def test_the_binary_variant_has_the_same_images_in_two_groups(tmp_path: Path) -> None:
    write_binary(tmp_path)
    data, binary = cifar10.load(tmp_path), cifar10_binary.load(tmp_path)
    assert (binary.name, binary.task.classes) == ("cifar10-binary", 2)
    for part in ("train", "validation", "test"):
        of_ten, of_two = getattr(data, part), getattr(binary, part)
        assert np.array_equal(of_two.images, of_ten.images)
        assert np.array_equal(of_two.labels, of_ten.labels < 5)


def test_channels_come_first(tmp_path: Path) -> None:
    write_binary(tmp_path)
    data = cifar10.load(tmp_path)
    wanted = {row.tobytes() for row in PIXELS}
    found = np.rint(data.train.images * 255).astype(np.uint8).reshape(len(data.train.labels), -1)
    assert {row.tobytes() for row in found} <= wanted


def test_the_official_form_is_read() -> None:
    pixels, labels = read_python_batch(PYTHON_2_PICKLE, Path("data_batch_1"))
    assert pixels.tolist() == [[1, 2]]
    assert labels.tolist() == [3]


def test_no_code_in_a_pickle_runs(tmp_path: Path) -> None:
    write_python(tmp_path, 4)
    target = tmp_path / "made"
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Malicious(target), b"labels": []}))
    with pytest.raises(DatasetError, match=r"asks for posix\.mkdir"):
        cifar10.load(tmp_path)
    assert not target.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "os.system", "numpy.load", "numpy.core.multiarray.scalar", "subprocess.Popen"]
)
def test_names_are_never_imported(name: str) -> None:
    module, _, function = name.rpartition(".")
    data = b"c" + module.encode() + b"\n" + function.encode() + b"\n."
    with pytest.raises(DatasetError, match=f"asks for {name}"):
        read_python_batch(data, Path("batch"))


def pickled(data: object) -> bytes:
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=3).dump({b"data": data, b"labels": [1]})
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pickled(np.zeros((1, 3072), dtype=np.float32)),
        pickled(np.array([None])),
        pickled(np.asfortranarray(np.zeros((2, 3072), dtype=np.uint8))),
        pickled("text"),
        pickle.dumps([1]),
        b"",
        pickled(PIXELS)[:-40],
    ],
)
def test_anything_but_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError, match="not a batch"):
        read_python_batch(data, Path("batch"))


@pytest.mark.parametrize("content", [b"", b"x" * 3072, b"\x0b" * 3073])
def test_a_damaged_binary_batch_is_named(tmp_path: Path, content: bytes) -> None:
    write_binary(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(DatasetError, match=r"data_batch_2\.bin"):
        cifar10.load(tmp_path)


@pytest.mark.parametrize("name", ["data_batch_5", "test_batch"])
def test_a_missing_batch_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    write_binary(tmp_path)
    (tmp_path / f"{name}.bin").unlink()
    with pytest.raises(DatasetError, match=rf"no {name}\. Get the Python or binary version"):
        cifar10.load(tmp_path)
