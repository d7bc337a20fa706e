"""Several workers on one study: no trial twice, none lost, whoever dies and whenever."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update
from study_workers import Workers, kill_often

from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.run.runner import trial_seed
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage import claims, workers
from sparse_mcu.search.storage.records import WORKER
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

pytestmark = pytest.mark.xdist_group("processes")
MakeSettings = Callable[..., Settings]
MakeResult = Callable[[Configuration], Success]


def check_whole(place: Path | str, trials: int) -> list[Trial]:
    """Checks that a study has each trial once, complete, with the files of its own seed; returns its trials."""
    with Study.load(place) as study:
        found = study.trials()
        assert [trial.number for trial in found] == list(range(trials))
        assert {trial.state for trial in found} == {"complete"}
        assert len({trial.configuration for trial in found}) == trials
        for trial in found:
            assert isinstance(trial.result, Success)
            text = (study.folder(trial) / trial.result.artifacts.onnx).read_text(encoding="utf-8")
            assert text == f"{trial_seed(0, trial.number)} {trial.configuration.model_dump_json()}"
            digest = hashlib.sha256(text.encode()).hexdigest()
            assert study._history.files(trial)[trial.result.artifacts.onnx] == digest
        assert not list(study.artifacts.glob("trial-*.*"))
    return found


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_workers_share_a_study(tmp_path: Path, make_settings: MakeSettings, count: int) -> None:
    path = tmp_path / "a.study"
    with Workers(str(path), 12) as crew:  # the first one also makes the study, while the others want to
        for _ in range(count):
            crew.start(0.1)
        assert crew.wait() == [0] * count
    check_whole(path, 12)
    with Study.open(path, make_settings()) as study:
        names = {frozen.user_attrs[WORKER] for frozen in study._history.frozen()}
    assert len(names) > 1  # otherwise the others found nothing to do


def test_workers_that_are_killed_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.study"
    with Workers(str(path), 16) as crew:
        kill_often(crew, kills=5, at_once=2)
    check_whole(path, 16)


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 3])
def test_fifty_kills(tmp_path: Path, at_once: int) -> None:
    path = tmp_path / "a.study"
    with Workers(str(path), 80) as crew:
        kill_often(crew, kills=50, at_once=at_once)
    killed = check_whole(path, 80)
    if at_once == 1:  # one worker, one seed: the same trials, with or without kills
        with Workers(str(tmp_path / "b.study"), 80) as crew:
            crew.start(0.0)
            crew.wait()
        assert check_whole(tmp_path / "b.study", 80) == killed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.study"


def propose_nothing(*_: object) -> None:
    raise AssertionError("there is a configuration already")


def draw(space: Space, seed: int) -> Proposal:
    return Proposal(configuration=space.sample(np.random.default_rng(seed)))


def test_two_open_studies_share_trials_and_each_sees_what_the_other_does(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    with Study.open(path, make_settings()) as first, Study.open(path, make_settings()) as second:
        mine = first.begin(2, lambda *_: draw(space, 0))
        theirs = second.begin(2, lambda *_: draw(space, 1))
        assert mine is not None
        assert theirs is not None
        assert (mine.number, theirs.number) == (0, 1)
        assert first.trials() == second.trials() == [mine, theirs]
        assert first.begin(2, propose_nothing) is second.begin(2, propose_nothing) is None
        with first.workspace(mine):
            finished = first.finish(mine, make_result(mine.configuration))
        assert second.trials() == [finished, theirs]
        second.release()
        assert first.begin(2, propose_nothing) == theirs


def test_a_configuration_that_another_worker_has_begun_is_proposed_again(
    path: Path, space: Space, make_settings: MakeSettings
) -> None:
    histories: list[list[Trial]] = []
    with Study.open(path, make_settings()) as first, Study.open(path, make_settings()) as second:

        def propose(_: int, history: list[Trial]) -> Proposal:
            """The other worker is faster, the first time."""
            if not histories:
                assert second.begin(2, lambda *_: draw(space, 0)) is not None
            histories.append(history)
            return draw(space, len(history))

        trial = first.begin(2, propose)
        assert trial is not None
        assert (trial.number, trial.configuration) == (0, draw(space, 1).configuration)
        assert [len(history) for history in histories] == [0, 1]
        assert [each.number for each in first.trials()] == [0, 1]


def test_a_trial_without_a_configuration_is_proposed_again_under_its_number(
    path: Path, space: Space, make_settings: MakeSettings
) -> None:
    with Study.open(path, make_settings()) as study:
        assert study.begin(5, lambda *_: None) is None  # the space is exhausted
        assert study.trials() == []
    with Study.open(path, make_settings()) as study:
        trial = study.begin(5, lambda *_: draw(space, 0))
        assert trial is not None
        assert trial.number == 0


def test_a_worker_that_was_silent_for_too_long_loses_its_trial_and_its_result(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    with Study.open(path, make_settings()) as late, Study.open(path, make_settings()) as other:
        trial = late.begin(1, lambda *_: draw(space, 0))
        assert trial is not None
        assert other.begin(1, propose_nothing) is None  # it lives
        with late._database.storage.engine.begin() as connection:
            connection.execute(update(workers.WORKERS).values(beat=workers.WORKERS.c.beat, machine="another"))
        assert other.begin(1, propose_nothing) is None  # another machine, but not silent for long
        other._claims._grace_seconds = -1.0
        assert other.begin(1, propose_nothing) == trial
        with late.workspace(trial) as workspace:
            (workspace / "candidate.onnx").write_text("late", encoding="utf-8")
            assert late.finish(trial, make_result(trial.configuration)) is None
        assert not late.folder(trial).exists()
        with other.workspace(trial) as workspace:
            (workspace / "candidate.onnx").write_text("in time", encoding="utf-8")
            assert other.finish(trial, make_result(trial.configuration)) is not None
        assert (late.folder(trial) / "candidate.onnx").read_text(encoding="utf-8") == "in time"
        assert late.trials() == other.trials()
        late.release()
        assert [each.state for each in late.trials()] == ["complete"]


def die(path: Path, settings: Settings, propose: Callable[..., Proposal | None]) -> Trial | None:
    """Begins a trial as a worker does that dies over it."""
    study = Study.open(path, settings)
    trial = study.begin(1, propose)
    study._claims._worker.stop()
    study._database.close()
    return trial


def test_a_trial_that_kills_its_workers_fails_in_the_end(path: Path, space: Space, make_settings: MakeSettings) -> None:
    trial = die(path, make_settings(), lambda *_: draw(space, 0))
    assert trial is not None
    for _ in range(claims.MOST_DEATHS - 1):
        assert die(path, make_settings(), propose_nothing) == trial
    with Study.open(path, make_settings()) as study:
        assert study.begin(1, propose_nothing) is None
        (failed,) = study.trials()
        assert isinstance(failed.result, Failure)
        assert "5 processes died while they evaluated it" in failed.result.reason
        following = study.begin(2, lambda *_: draw(space, 1))
        assert following is not None
        assert following.number == 1


def test_an_interruption_is_no_death(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    for _ in range(claims.MOST_DEATHS + 1):
        with Study.open(path, make_settings()) as study:
            trial = study.begin(1, lambda *_: draw(space, 0))
            assert trial is not None
    with Study.open(path, make_settings()) as study:
        assert study.begin(1, propose_nothing) == trial
        with study.workspace(trial):
            assert study.finish(trial, make_result(trial.configuration)) is not None


def test_a_worker_beats_and_comes_back_after_it_was_taken_for_dead(path: Path, make_settings: MakeSettings) -> None:
    with Study.open(path, make_settings()) as study:
        engine = study._database.storage.engine
        worker = workers.Worker(engine, beat_seconds=0.05)
        worker.start()
        with engine.begin() as connection:
            assert workers.living(connection, grace_seconds=-1.0) == set()
        deadline = time.monotonic() + 10
        alive: set[str] = set()
        while not alive and time.monotonic() < deadline:
            time.sleep(0.05)
            with engine.begin() as connection:
                alive = workers.living(connection)
        assert alive == {worker.name}
        worker.stop()
        with engine.begin() as connection:
            assert workers.living(connection) == set()


def test_a_process_that_has_ended_is_known_at_once() -> None:
    me = os.getpid()
    since = workers.started(me)
    assert since
    assert not workers._has_ended(workers.machine(), me, since)
    assert workers._has_ended(workers.machine(), me, f"{since}0")  # its number is another process's now
    assert not workers._has_ended("another machine", me, f"{since}0")
    child = os.posix_spawn("/bin/true", ["true"], {})
    while workers.started(child) is not None:  # until it is a zombie
        time.sleep(0.01)
    os.waitpid(child, 0)
    assert workers.started(child) is None


def test_nobody_waits_longer_than_the_grace_allows() -> None:
    assert claims.GRACE_SECONDS >= 4 * workers.BEAT_SECONDS
