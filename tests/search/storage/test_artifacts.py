"""Files kept by content: on a disk and behind a URL, once each, whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage import artifacts
from sparse_mcu.search.storage.artifacts import OBJECTS, ArtifactStore
from sparse_mcu.search.storage.place import place_of
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal

NAMES = st.text("abc.", min_size=1, max_size=3).filter(lambda name: name.strip("."))
FILES = st.dictionaries(
    st.tuples(st.sampled_from(["", "sub/"]), NAMES).map("".join), st.binary(max_size=99), max_size=5
)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=["path", "memory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each kind, empty."""
    fsspec.filesystem("memory").store.clear()
    return str(tmp_path / "kept") if request.param == "path" else "memory://kept"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_what_is_kept_comes_back(
    location: str, tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    hashes = ArtifactStore(location).keep(write(folder / "trial", files))
    shutil.rmtree(folder / "trial", ignore_errors=True)
    assert ArtifactStore(location).restore(hashes, folder / "again")
    assert read(folder / "again") == files


def test_equal_files_are_kept_once(location: str, tmp_path: Path) -> None:
    store = ArtifactStore(location)
    first = store.keep(write(tmp_path / "a", {"x": b"1", "y": b"1", "z": b"2"}))
    assert first["x"] == first["y"] != first["z"]
    assert store.keep(write(tmp_path / "b", {"w": b"2"})) == {"w": first["z"]}
    kept = store._system.find(f"{store._root}/{OBJECTS}")
    assert len(kept) == 2


def test_on_a_disk_a_kept_file_takes_no_room(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", {"x": b"1"})
    digest = ArtifactStore(tmp_path).keep(folder)["x"]
    assert (tmp_path / OBJECTS / digest[:2] / digest).samefile(folder / "x")


def test_a_disk_without_links_keeps_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = ArtifactStore(tmp_path / "kept")
    hashes = store.keep(write(tmp_path / "a", {"x": b"1"}))
    assert store.restore(hashes, tmp_path / "b")
    assert read(tmp_path / "b") == {"x": b"1"}
    assert not (tmp_path / "b" / "x").samefile(tmp_path / "a" / "x")


def test_a_missing_file_restores_nothing(location: str, tmp_path: Path) -> None:
    store = ArtifactStore(location)
    hashes = store.keep(write(tmp_path / "a", {"x": b"1"}))
    assert not store.restore({**hashes, "y": "0" * 64}, tmp_path / "b")
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != "kept") == ["a"]


def test_a_changed_file_is_noticed(location: str, tmp_path: Path) -> None:
    store = ArtifactStore(location)
    hashes = store.keep(write(tmp_path / "a", {"x": b"right"}))
    with store._system.open(f"{store._root}/{artifacts._place(hashes['x'])}", "wb") as stream:
        stream.write(b"wrong")
    with pytest.raises(StudyError, match=r"the kept file [0-9a-f]{64} was changed"):
        store.restore(hashes, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_half_of_a_file_that_a_killed_process_left_is_written_again(tmp_path: Path) -> None:
    fsspec.filesystem("memory").store.clear()
    store = ArtifactStore("memory://kept")
    hashes = store.keep(write(tmp_path / "a", {"x": b"whole"}))
    with store._system.open(f"{store._root}/{artifacts._place(hashes['x'])}", "wb") as stream:
        stream.write(b"wh")
    assert store.keep(tmp_path / "a") == hashes
    assert store.restore(hashes, tmp_path / "b")


@pytest.mark.parametrize("location", ["nonsense://x", "s3://bucket/x"])
def test_storage_that_cannot_be_reached_is_an_error_of_ours(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(StudyError, match="cannot keep files there"):
        ArtifactStore(location)


def test_a_study_fetches_what_it_lacks_from_where_it_keeps_files(
    tmp_path: Path,
    space: Space,
    make_settings: Callable[..., Settings],
    make_result: Callable[[Configuration], Success],
    location: str,
) -> None:
    """As on another machine that shares the database and the kept files."""
    place = place_of(tmp_path / "a.study", artifacts=location)
    with Study.open(place, make_settings()) as study:
        trial = study.begin(1, lambda *_: Proposal(configuration=space.sample(np.random.default_rng(0))))
        assert trial is not None
        with study.workspace(trial) as workspace:
            write(workspace, {"weights.pt": b"w", "firmware/model.c": b"c"})
            finished = study.finish(trial, make_result(trial.configuration))
        assert finished is not None
        shutil.rmtree(study.folder(finished))
    with Study.load(tmp_path / "a.study") as study:
        assert read(study.folder(finished)) == {"weights.pt": b"w", "firmware/model.c": b"c"}
    (tmp_path / "a.study").rename(tmp_path / "moved.study")
    with Study.load(tmp_path / "moved.study") as study:
        assert read(study.folder(finished)) == {"weights.pt": b"w", "firmware/model.c": b"c"}
