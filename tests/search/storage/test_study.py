"""Studies on disk: states, settings, damage, locks, and files of old."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.search.evaluation.result import Failure, Rung, RungError, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage import database
from sparse_mcu.search.storage.creation import SCHEMA_VERSION
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial
from sparse_mcu.simulation.firmware.options import BuildOptions

FAILURE = Failure(stage="training", error="CandidateError", reason="diverged", seconds={})

MakeResult = Callable[[Configuration], Success]
MakeSettings = Callable[..., Settings]


def claim(study: Study, proposal: Proposal | Configuration) -> Trial:
    made = Proposal(configuration=proposal) if isinstance(proposal, Configuration) else proposal
    trial = study.begin(1000, lambda *_: made)
    assert trial is not None
    return trial


def add(study: Study, space: Space, number: int, make_result: MakeResult) -> Trial:
    trial = claim(study, space.sample(np.random.default_rng(number)))
    assert trial.number == number
    with study.workspace(trial) as workspace:
        (workspace / "candidate.onnx").write_text(str(number), encoding="utf-8")
        finished = study.finish(trial, make_result(trial.configuration))
    assert finished is not None
    return finished


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.study"


def test_trials_survive_closing(path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult) -> None:
    with Study.open(path, make_settings()) as study:
        trials = [add(study, space, number, make_result) for number in range(3)]
        running = claim(study, trials[0].configuration)
    with Study.load(path) as study:
        assert study.settings == make_settings()
        assert study.trials() == [*trials, running]
        assert [trial.state for trial in study.trials()] == ["complete"] * 3 + ["running"]
        assert (study.folder(trials[2]) / "candidate.onnx").read_text(encoding="utf-8") == "2"


def test_failures_are_kept(path: Path, space: Space, make_settings: MakeSettings) -> None:
    with Study.open(path, make_settings()) as study:
        assert add(study, space, 0, lambda _: FAILURE).state == "failed"  # type: ignore[arg-type, return-value]
        assert study.trials()[0].result == FAILURE


def test_a_stopped_trial_and_how_it_was_proposed_are_kept(
    path: Path, space: Space, make_settings: MakeSettings
) -> None:
    configuration = space.sample(np.random.default_rng(0))
    rungs = (Rung(share=0.25, limit=0.5, reason="r"),)
    proposal = Proposal(configuration=configuration, parent=0, moves=("add_block",), rungs=rungs)
    stopped = Stopped(stage="training", reason="r", rungs=(RungError(share=0.25, error=0.6),), seconds={})
    with Study.open(path, make_settings()) as study:
        trial = claim(study, proposal)
        assert study.trials() == [trial] == [Trial(number=0, **dict(proposal))]
        with study.workspace(trial):
            study.finish(trial, stopped)
    with Study.load(path) as study:
        (found,) = study.trials()
        assert found == trial.model_copy(update={"result": stopped})
        assert found.state == "stopped"


def test_other_settings_are_named(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings(seed=1)).close()
    with pytest.raises(StudyError, match="seed 2 instead of 1") as caught:
        Study.open(path, make_settings(seed=2))
    assert "board" not in str(caught.value)
    Study.open(path, make_settings(seed=1)).close()


def test_a_database_that_stays_locked_is_an_error_of_ours(
    path: Path, make_settings: MakeSettings, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    with Study.open(path, make_settings()) as study:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        for opened in (lambda: Study.open(path, make_settings()), lambda: Study.load(path)):
            with pytest.raises(StudyError, match=r"a\.study: the study is in use by another process\. Wait for it"):
                opened()
        with pytest.raises(StudyError, match="in use by another process"):
            claim(study, space.sample(np.random.default_rng(0)))
        blocker.close()
        claim(study, space.sample(np.random.default_rng(0)))


def test_an_unfinished_workspace_is_dropped(path: Path, space: Space, make_settings: MakeSettings) -> None:
    with Study.open(path, make_settings()) as study:
        trial = claim(study, space.sample(np.random.default_rng(0)))
        with study.workspace(trial) as workspace:
            (workspace / "half").touch()
        assert list(study.artifacts.iterdir()) == []
        assert study.trials() == [trial]


def test_a_trial_without_a_workspace_is_not_finished(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    with Study.open(path, make_settings()) as study:
        trial = claim(study, space.sample(np.random.default_rng(0)))
        with pytest.raises(StudyError, match="cannot write"):
            study.finish(trial, make_result(trial.configuration))
        assert study.trials() == [trial]


@pytest.mark.parametrize("content", [b"plain text, not a database", b"SQLite format 3\0" + b"\xff" * 200])
def test_a_foreign_file_is_refused_and_left_alone(path: Path, make_settings: MakeSettings, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for opened in (lambda: Study.load(path), lambda: Study.open(path, make_settings())):
        with pytest.raises(StudyError, match="not a study"):
            opened()
    assert path.read_bytes() == content


def test_a_foreign_database_is_refused(path: Path, make_settings: MakeSettings) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE settings (json TEXT)")
    connection.close()
    with pytest.raises(StudyError, match="not a study of sparse-mcu"):
        Study.open(path, make_settings())


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_schema_of_the_future_is_refused(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings()).close()
    execute(path, "UPDATE study_user_attributes SET value_json = '6' WHERE key = 'sparse_mcu:schema'")
    assert SCHEMA_VERSION == 5
    with pytest.raises(StudyError, match="schema 6; this version reads 5"):
        Study.load(path)


def test_tables_of_another_optuna_are_refused(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings()).close()
    execute(path, "UPDATE alembic_version SET version_num = 'v9.9.9'")
    with pytest.raises(StudyError, match="another version of Optuna made the database"):
        Study.load(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_user_attributes SET value_json = '{}' WHERE key = 'proposal'",
        "UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'result'",
        "UPDATE trial_user_attributes SET value_json = '{}' WHERE key = 'result'",
        "DELETE FROM trial_user_attributes WHERE key = 'result'",
        "UPDATE trials SET state = 'FAIL'",
        "UPDATE trials SET state = 'PRUNED'",
        "UPDATE trials SET state = 'NONSENSE'",
        "UPDATE trial_params SET distribution_json = '{'",
        "UPDATE study_user_attributes SET value_json = '[]' WHERE key = 'sparse_mcu:settings'",
        "UPDATE study_user_attributes SET value_json = '{' WHERE key = 'sparse_mcu:settings'",
        "DELETE FROM study_user_attributes WHERE key = 'sparse_mcu:settings'",
        "DELETE FROM studies",
        "DROP TABLE trials",
        "DROP TABLE trial_params",
        "DROP TABLE version_info",
    ],
)
def test_damaged_rows_are_an_error_of_ours(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, statement: str
) -> None:
    with Study.open(path, make_settings()) as study:
        add(study, space, 0, make_result)
    execute(path, statement)
    with pytest.raises(StudyError, match=r"a\.study"):
        Study.load(path).trials()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_study_is_an_error_of_ours(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, share: float
) -> None:
    with Study.open(path, make_settings()) as study:
        add(study, space, 0, make_result)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(StudyError, match=r"a\.study"):
        Study.load(path).trials()


@pytest.mark.parametrize("name", ["a b?c=d#e.study", "{0}%20'\".study", "\N{GREEK SMALL LETTER PI}.study"])
def test_a_file_may_have_any_name(
    tmp_path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, name: str
) -> None:
    with Study.open(tmp_path / name, make_settings()) as study:
        trial = add(study, space, 0, make_result)
    with Study.load(tmp_path / name) as study:
        assert study.trials() == [trial]
    assert {each.name for each in tmp_path.iterdir()} == {name, f"{name}.artifacts"}


def test_a_study_that_cannot_be_written_can_be_read(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Study.open(path, make_settings()) as study:
        trial = add(study, space, 0, make_result)
    connect = database.connect
    # Rights do not stop root, who may run the tests.
    monkeypatch.setattr(database, "connect", lambda file, _, **named: connect(file, "ro", **named))
    with Study.load(path) as study:
        assert study.trials() == [trial]
    with Study.open(path, make_settings()) as study:
        with pytest.raises(StudyError, match=r"a\.study: cannot use the study: attempt to write a readonly database"):
            claim(study, space.sample(np.random.default_rng(1)))
        assert study.trials() == [trial]


def test_a_file_without_content_becomes_a_study(path: Path, make_settings: MakeSettings) -> None:
    path.parent.mkdir()
    path.touch()
    Study.open(path, make_settings()).close()
    Study.load(path).close()


def test_a_missing_study_and_an_impossible_place(tmp_path: Path, make_settings: MakeSettings) -> None:
    with pytest.raises(StudyError, match="no such study"):
        Study.load(tmp_path / "missing.study")
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="cannot write"):
        Study.open(tmp_path / "file" / "a.study", make_settings())
    with pytest.raises(StudyError, match="cannot use"):
        Study.open(tmp_path, make_settings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": {"name": "tpe", "parameters": {}}}, "strategy.name 'tpe' instead of 'random'"),
        (
            {"strategy": {"name": "random", "parameters": {"filtered": False}}},
            "strategy.parameters.filtered False instead of True",
        ),
        ({"space": {"max_macs": 999, "max_weights": 2000}}, "space.max_macs 999 instead of 1000"),
        ({"dataset_fingerprint": "1" * 64}, "dataset_fingerprint '1+' instead of '0+'"),
        ({"recipe": {"epochs": 2}}, "recipe.epochs 2 instead of "),
        ({"project_version": "9"}, "project_version '9' instead of '0.1.0'"),
    ],
)
def test_what_decides_results_cannot_change_within_a_study(
    path: Path, make_settings: MakeSettings, changes: dict[str, object], message: str
) -> None:
    Study.open(path, make_settings()).close()
    with pytest.raises(StudyError, match=message):
        Study.open(path, make_settings(**changes))


def test_other_library_versions_are_told_but_not_refused(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings()).close()
    settings = make_settings(versions={"torch": "2", "numpy": "3"})
    with Study.open(path, settings) as study:
        assert study.settings.versions == {"torch": "1"}
        assert settings.version_differences(study.settings) == ["torch '2' instead of '1'", "numpy '3' instead of None"]
        assert make_settings().version_differences(study.settings) == []


def test_errors_of_our_own_are_not_blamed_on_the_file(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise TypeError("a bug of ours")

    with Study.open(path, make_settings()) as study:
        monkeypatch.setattr(Success, "model_dump", broken)
        with pytest.raises(TypeError, match="a bug of ours"):
            add(study, space, 0, make_result)


def test_how_firmware_is_made_is_read_back_whole(make_settings: MakeSettings) -> None:
    settings = make_settings().model_copy(update={"build": BuildOptions("speed", Levers(max_recompute=1.5))})
    record = json.loads(settings.model_dump_json())
    assert Settings.model_validate_json(json.dumps(record)) == settings
    assert settings.differences(make_settings()) == [
        "build.optimise 'speed' instead of 'balanced'",
        "build.levers.max_recompute 1.5 instead of 1.0",
    ]
    old = {key: value for key, value in record.items() if key != "build"}
    assert Settings.model_validate(old | {"optimise": "flash"}).build == BuildOptions("flash")
    for damaged in (record | {"optimise": "flash"}, record | {"build": {"levers": {"of_the_future": True}}}):
        with pytest.raises(ValidationError):
            Settings.model_validate_json(json.dumps(damaged))
