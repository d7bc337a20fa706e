"""The cache: all or nothing, once."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.cache.folder import cache_folder, cached


def test_it_is_filled_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        (folder / "thing").write_text("made")

    folder = tmp_path / "deep" / "key"
    assert cached(folder, make) == cached(folder, make) == folder
    assert (folder / "thing").read_text() == "made"
    assert len(calls) == 1


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("written")
        raise ToolchainError("no")

    with pytest.raises(ToolchainError, match="no"):
        cached(tmp_path / "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_faster_process_wins(tmp_path: Path) -> None:
    folder = tmp_path / "key"

    def make(fresh: Path) -> None:
        (fresh / "thing").write_text("mine")
        folder.mkdir()
        (folder / "thing").write_text("theirs")

    assert (cached(folder, make) / "thing").read_text() == "theirs"


def test_the_variable_names_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "here"))
    assert cache_folder("objects") == tmp_path / "here" / "objects"
    assert cache_folder("objects").is_dir()
    monkeypatch.delenv("SPARSE_MCU_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "sparse-mcu"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "file"))
    with pytest.raises(ToolchainError, match="SPARSE_MCU_CACHE"):
        cache_folder("objects")


def test_something_else_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a file")
    with pytest.raises(NotADirectoryError, match="key"):
        cached(tmp_path / "key", lambda folder: (folder / "thing").write_text("made"))
