"""Nobody ever sees half a file."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel import files
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.files import write_atomically


def test_writes_text_and_bytes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_atomically(target, "first")
    write_atomically(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SparseMcuError, match=r"none/out\.json: cannot write"):
        write_atomically(tmp_path / "none" / "out.json", "x")


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.json"
    write_atomically(target, "old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(SparseMcuError, match="No space left"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
