"""The cache: all or nothing, once; and never what somebody else may have put there."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Never

import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.cache.folder import cache_folder, cached, is_ours, program_folder, scratch_folder


def refuse(*_arguments: object, **_named: object) -> Never:
    """What a folder that is only read answers; root would be let in."""
    raise PermissionError(errno.EACCES, "Permission denied")


def without_home() -> Never:
    """What Path.home() does for a user without HOME and without an entry in the list of users."""
    raise RuntimeError("Could not determine home directory.")


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


def test_a_home_is_asked_for_only_if_nothing_else_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", without_home)
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "here"))
    assert cache_folder("runs") == tmp_path / "here" / "runs"
    monkeypatch.delenv("SPARSE_MCU_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("runs") == tmp_path / "xdg" / "sparse-mcu" / "runs"


def test_without_a_home_there_is_a_cache_until_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", without_home)
    monkeypatch.delenv("SPARSE_MCU_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("runs") == program_folder("runs") == scratch_folder("runs")
    code = "from sparse_mcu.simulation.cache.folder import scratch_folder; print(scratch_folder('x'))"
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert not Path(left).parent.exists()


def test_a_new_cache_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "deep" / "cache"))
    before = os.umask(0)
    try:
        cache_folder("runs")
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "cache").stat().st_mode & 0o777 == 0o700


def test_a_cache_that_cannot_be_written_is_replaced_for_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path))
    (tmp_path / "there").mkdir()
    assert cache_folder("there") == tmp_path / "there"
    with monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", refuse)
        patched.setattr("sparse_mcu.simulation.cache.folder.scratch_folder", lambda *parts: Path("/scratch", *parts))
        assert cache_folder("missing") == Path("/scratch/missing")


def test_what_cannot_be_kept_is_made_for_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "thing").write_text("kept")
    whole = tempfile.TemporaryDirectory

    def only_elsewhere(*, prefix: str, dir: Path | None = None) -> object:  # noqa: A002 - tempfile's name
        return refuse() if dir == tmp_path else whole(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", only_elsewhere)
    made = cached(tmp_path / "new-one", lambda folder: (folder / "thing").write_text("made"))
    assert (made / "thing").read_text() == "made"
    assert made.parent != tmp_path
    assert cached(tmp_path / "new-one", refuse) == made
    assert (cached(tmp_path / "old", refuse) / "thing").read_text() == "kept"


@pytest.mark.parametrize("mode", [0o770, 0o707])
@pytest.mark.parametrize("which", ["folder", "above"])
def test_programs_are_not_kept_where_others_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, which: str
) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.cache.folder._is_private", lambda _: False)
    cache = tmp_path / "above" / "cache"
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(cache))
    assert program_folder("native") == cache / "native"
    (tmp_path / "above" if which == "above" else cache / "native").chmod(mode)
    assert not is_ours(cache / "native")
    assert program_folder("native") == scratch_folder("native")
    assert cache_folder("native") == cache / "native"


def test_a_group_of_the_users_own_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.cache.folder._is_private", lambda _: True)
    tmp_path.chmod(0o770)
    assert is_ours(tmp_path)
    tmp_path.chmod(0o777)
    assert not is_ours(tmp_path)


def test_programs_of_somebody_else_are_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_ours(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert is_ours(tmp_path) is (tmp_path.stat().st_uid == 0)
    if tmp_path.stat().st_uid == 0:
        os.chown(tmp_path, 4712, 4712)
        assert not is_ours(tmp_path)
