"""Studies on a real PostgreSQL server: several workers, kills, names, and what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from postgres_server import running_server
from study_workers import Workers, kill_often

from sparse_mcu.costmodel.errors import MissingExtraError, StudyError
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.run.runner import trial_seed
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage import database
from sparse_mcu.search.storage.place import Place, place_of
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal

pytestmark = pytest.mark.xdist_group("processes")
MakeSettings = Callable[..., Settings]
MakeResult = Callable[[Configuration], Success]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server whose database is empty at first."""
    with running_server() as url:
        yield url


@pytest.fixture
def place(server: str, tmp_path: Path) -> Place:
    """A place for a study that no other test has."""
    return place_of(server, tmp_path.name, str(tmp_path / "files"))


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_workers_that_make_the_study_together_share_it(server: str, tmp_path: Path, count: int) -> None:
    name = f"shared by {count}"
    with Workers(server, 10, str(tmp_path), name) as crew:
        for _ in range(count):
            crew.start(0.05)
        assert crew.wait() == [0] * count
    check_whole(place_of(server, name), 10)


def check_whole(place: Place, trials: int) -> None:
    with Study.load(place) as study:
        found = study.trials()
        assert [(trial.number, trial.state) for trial in found] == [(n, "complete") for n in range(trials)]
        assert len({trial.configuration for trial in found}) == trials
        for trial in found:
            text = (study.folder(trial) / "candidate.onnx").read_text(encoding="utf-8")
            assert text.startswith(f"{trial_seed(0, trial.number)} ")


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_workers_that_are_killed_lose_nothing_and_do_nothing_twice(server: str, tmp_path: Path, kills: int) -> None:
    name = f"killed {kills} times"
    with Workers(server, 8 + kills, str(tmp_path), name) as crew:
        kill_often(crew, kills, at_once=2)
    check_whole(place_of(server, name), 8 + kills)


def test_a_study_on_a_server_is_as_one_in_a_file(
    place: Place, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    with Study.open(place, make_settings()) as study:
        trial = study.begin(1, lambda *_: Proposal(configuration=space.sample(np.random.default_rng(0))))
        assert trial is not None
        with study.workspace(trial) as workspace:
            (workspace / "candidate.onnx").write_text("x", encoding="utf-8")
            finished = study.finish(trial, make_result(trial.configuration))
    without = Place(server=place.server, name=place.name)
    with Study.load(without) as study:  # it remembers where its files are
        assert study.trials() == [finished]
        assert (study.folder(trial) / "candidate.onnx").read_text(encoding="utf-8") == "x"
        assert study.artifacts == Path(place.artifacts or "")
    with pytest.raises(StudyError, match="seed 1 instead of 0"):
        Study.open(without, make_settings(seed=1))


def test_a_new_study_on_a_server_needs_a_place_for_files(server: str, make_settings: MakeSettings) -> None:
    with pytest.raises(StudyError, match=r"needs a place for the files of its trials.*Give --artifacts"):
        Study.open(place_of(server, "nowhere"), make_settings())
    with pytest.raises(StudyError, match=r"no such study|no study is called nowhere"):
        Study.load(place_of(server, "nowhere"))


def test_a_study_of_optunas_own_is_left_alone(server: str, make_settings: MakeSettings, tmp_path: Path) -> None:
    url = str(place_of(server).server)
    storage = optuna.storages.RDBStorage(url)
    optuna.create_study(storage=storage, study_name="foreign")
    storage.engine.dispose()
    with pytest.raises(StudyError, match=r"not a study of sparse-mcu, but one of another program.*--study-name"):
        Study.open(place_of(server, "foreign", str(tmp_path)), make_settings())


def test_a_server_that_does_not_answer_is_named_without_its_password(make_settings: MakeSettings) -> None:
    place = place_of("postgresql://me:secret@/none?host=/nowhere", artifacts="files")
    with pytest.raises(StudyError, match="Check the server") as caught:
        Study.open(place, make_settings())
    assert "secret" not in str(caught.value)
    assert "me:***@/none" in str(caught.value)


def test_a_missing_driver_is_an_extra(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(database, "create_engine", absent)
    with pytest.raises(MissingExtraError, match=r'pip install "sparse-mcu\[postgres\]"'):
        Study.open(place_of("postgresql://me@host/none"), make_settings())
