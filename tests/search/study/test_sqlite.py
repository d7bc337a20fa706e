"""Studies on disk: states, settings, damage, locks, and files of old."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES
from sparse_mcu.search.evaluation.result import Failure, Rung, RungError, Stopped, Success
from sparse_mcu.search.results.front import pareto_front
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.sqlite import SCHEMA_VERSION, Study
from sparse_mcu.search.study.trial import Trial
from sparse_mcu.simulation.firmware.options import BuildOptions

RECORDED = Path(__file__).parent / "recorded"
STUDY = RECORDED / "study-schema-2.study"
OLD_STUDY = RECORDED / "study-schema-1.study"
FAILURE = Failure(stage="training", error="CandidateError", reason="diverged", seconds={})

MakeResult = Callable[[Configuration], Success]
MakeSettings = Callable[..., Settings]


def add(study: Study, space: Space, number: int, make_result: MakeResult) -> Trial:
    trial = Trial(number=number, configuration=space.sample(np.random.default_rng(number)))
    study.claim(trial)
    with study.workspace(trial) as workspace:
        (workspace / "candidate.onnx").write_text(str(number), encoding="utf-8")
        return study.finish(trial, make_result(trial.configuration))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.study"


def test_trials_survive_closing(path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult) -> None:
    with Study.open(path, make_settings()) as study:
        trials = [add(study, space, number, make_result) for number in range(3)]
        running = Trial(number=3, configuration=trials[0].configuration)
        study.claim(running)
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
    trial = Trial(number=0, configuration=configuration, parent=0, moves=("add_block",), rungs=rungs)
    stopped = Stopped(stage="training", reason="r", rungs=(RungError(share=0.25, error=0.6),), seconds={})
    with Study.open(path, make_settings()) as study:
        study.claim(trial)
        assert study.trials() == [trial]
        with study.workspace(trial):
            study.finish(trial, stopped)
    with Study.load(path) as study:
        (found,) = study.trials()
        assert found == trial.model_copy(update={"result": stopped})
        assert found.state == "stopped"


def test_a_study_of_schema_3_is_read(path: Path, space: Space, make_settings: MakeSettings) -> None:
    """Its trials hold nothing but a configuration and a result."""
    configuration = space.sample(np.random.default_rng(0))
    Study.open(path, make_settings()).close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE trials")
    connection.execute("CREATE TABLE trials (number, state, configuration, result)")
    connection.execute("INSERT INTO trials VALUES (0, 'running', ?, NULL)", (configuration.model_dump_json(),))
    connection.execute("PRAGMA user_version = 3")
    connection.commit()
    connection.close()
    with Study.load(path) as study:
        assert study.trials() == [Trial(number=0, configuration=configuration)]


def test_other_settings_are_named(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings(seed=1)).close()
    with pytest.raises(StudyError, match="seed 2 instead of 1") as caught:
        Study.open(path, make_settings(seed=2))
    assert "board" not in str(caught.value)
    Study.open(path, make_settings(seed=1)).close()


def test_a_study_in_use_is_refused(path: Path, make_settings: MakeSettings) -> None:
    with Study.open(path, make_settings()):
        with pytest.raises(StudyError, match="in use by another process"):
            Study.open(path, make_settings())
        with pytest.raises(StudyError, match="in use by another process"):
            Study.load(path)
    Study.open(path, make_settings()).close()


def test_an_unfinished_workspace_is_dropped(path: Path, space: Space, make_settings: MakeSettings) -> None:
    with Study.open(path, make_settings()) as study:
        trial = Trial(number=0, configuration=space.sample(np.random.default_rng(0)))
        study.claim(trial)
        with study.workspace(trial) as workspace:
            (workspace / "half").touch()
        assert list(study.artifacts.iterdir()) == []
        assert study.trials() == [trial]


def test_a_trial_without_a_workspace_is_not_finished(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult
) -> None:
    with Study.open(path, make_settings()) as study:
        trial = Trial(number=0, configuration=space.sample(np.random.default_rng(0)))
        study.claim(trial)
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


def test_a_schema_of_the_future_is_refused(path: Path, make_settings: MakeSettings) -> None:
    Study.open(path, make_settings()).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StudyError, match=f"schema {SCHEMA_VERSION + 1}; this version reads {SCHEMA_VERSION}"):
        Study.load(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET proposal = '{}'",
        "UPDATE trials SET result = '{'",
        "UPDATE trials SET state = 'failed'",
        "UPDATE settings SET json = '[]'",
        "DELETE FROM settings",
        "DROP TABLE trials",
    ],
)
def test_damaged_rows_are_an_error_of_ours(
    path: Path, space: Space, make_settings: MakeSettings, make_result: MakeResult, statement: str
) -> None:
    with Study.open(path, make_settings()) as study:
        add(study, space, 0, make_result)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StudyError, match=r"a\.study"):
        Study.load(path).trials()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_study_is_an_error_of_ours(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.study"
    data = STUDY.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(StudyError, match=r"cut\.study"):
        Study.load(path).trials()


def test_a_missing_study_and_an_impossible_place(tmp_path: Path, make_settings: MakeSettings) -> None:
    with pytest.raises(StudyError, match="no such study"):
        Study.load(tmp_path / "missing.study")
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="cannot write"):
        Study.open(tmp_path / "file" / "a.study", make_settings())
    with pytest.raises(StudyError, match="cannot use"):
        Study.open(tmp_path, make_settings())


def test_a_study_of_schema_1_is_refused_with_the_reason(tmp_path: Path, make_settings: MakeSettings) -> None:
    path = Path(shutil.copy(OLD_STUDY, tmp_path / "old.study"))
    for opened in (lambda: Study.load(path), lambda: Study.open(path, make_settings())):
        with pytest.raises(StudyError, match=r"study schema 1; this version reads 4.*new study.*onnxruntime's errors"):
            opened()
    assert path.read_bytes() == OLD_STUDY.read_bytes()


def test_a_study_of_schema_2_loads(tmp_path: Path) -> None:
    path = shutil.copy(STUDY, tmp_path / "recorded.study")
    with Study.load(path) as study:
        trials = study.trials()
        assert (study.settings.dataset, study.settings.board, study.settings.seed) == ("digits", "microbit", 0)
        assert (study.settings.strategy.name, study.settings.space.max_weights) == ("bayes", 65536)
        space = study.settings.space
        assert (space.kernels, space.max_blocks, space.max_hidden) == ((2, 3, 4, 5), 4, 1)
        assert (space.skips, space.branches, space.prunings, space.lever_choices) == ((), False, (), ())
        assert study.settings.build == BuildOptions()
        assert [trial.state for trial in trials] == ["complete"] * 4 + ["failed", "running"]
        front = pareto_front(trials, study.settings.bounds)
        assert [(trial.number, *result.objectives.values(("ram_bytes", "flash_bytes"))) for trial, result in front] == [
            (0, 2128, 20040),
            (3, 580, 4584),
            (1, 192, 2208),
        ]
        assert [result.check.images for _, result in front] == [359] * 3
        assert (study.settings.objectives, study.settings.bounds) == (DEFAULT_OBJECTIVES, Bounds())
        assert all(0 < result.objectives["float_error"].value < 1 for _, result in front)


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
    def broken(*_: object) -> str:
        raise TypeError("a bug of ours")

    with Study.open(path, make_settings()) as study:
        monkeypatch.setattr(Success, "model_dump_json", broken)
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
