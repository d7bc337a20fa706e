"""Studies of old schemas: imported without loss, kept beside the new file, or refused with the reason."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES
from sparse_mcu.search.evaluation.result import Failure, Result, RungError, Stopped, Success
from sparse_mcu.search.results.front import pareto_front
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage import importing
from sparse_mcu.search.storage.importing import APPLICATION_ID
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial
from sparse_mcu.simulation.firmware.options import BuildOptions

RECORDED = Path(__file__).parent / "recorded"
STUDY = RECORDED / "study-schema-2.study"
OLD_STUDY = RECORDED / "study-schema-1.study"

MakeResult = Callable[[Configuration], Success]
MakeSettings = Callable[..., Settings]


def write_old(path: Path, settings: Settings, trials: list[Trial], schema: int = 4) -> None:
    """Writes a study as sparse-mcu did before Optuna's storage, with a file for every trial that has ended."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {schema}")
    connection.execute("CREATE TABLE settings (json TEXT NOT NULL)")
    connection.execute("INSERT INTO settings VALUES (?)", (settings.model_dump_json(),))
    connection.execute("CREATE TABLE trials (number INTEGER PRIMARY KEY, state TEXT, proposal TEXT, result TEXT)")
    for trial in trials:
        whole = trial.model_dump_json(exclude={"number", "result"})
        proposal = whole if schema == 4 else trial.configuration.model_dump_json()
        result = None if trial.result is None else trial.result.model_dump_json()
        connection.execute("INSERT INTO trials VALUES (?, ?, ?, ?)", (trial.number, trial.state, proposal, result))
        if trial.result is not None:
            folder = path.with_name(f"{path.name}.artifacts") / f"trial-{trial.number:04d}"
            (folder / "firmware").mkdir(parents=True)
            (folder / "candidate.onnx").write_text(str(trial.number), encoding="utf-8")
            (folder / "firmware" / "model.c").write_text("the same in all trials", encoding="utf-8")
    connection.commit()
    connection.close()


@pytest.fixture
def trials(space: Space, make_result: MakeResult) -> list[Trial]:
    """A trial of each kind; the last one is running."""
    configurations = [space.sample(np.random.default_rng(number)) for number in range(4)]
    stopped = Stopped(stage="training", reason="r", rungs=(RungError(share=0.25, error=0.6),), seconds={})
    failed = Failure(stage="cost", error="E", reason="r", seconds={})
    results: list[Result | None] = [make_result(configurations[0]), stopped, failed, None]
    return [
        Trial(number=number, configuration=configuration, result=result, parent=0 if number else None, moves=("m",))
        for number, (configuration, result) in enumerate(zip(configurations, results, strict=True))
    ]


def test_a_study_of_schema_4_is_imported_whole_and_goes_on(
    tmp_path: Path, make_settings: MakeSettings, trials: list[Trial]
) -> None:
    path = tmp_path / "a.study"
    write_old(path, make_settings(), trials)
    before = path.read_bytes()
    with Study.open(path, make_settings()) as study:
        assert study.trials() == trials
        assert study.settings == make_settings()
        assert (study.folder(trials[0]) / "candidate.onnx").read_text(encoding="utf-8") == "0"
        shutil.rmtree(study.folder(trials[2]))
        assert (study.folder(trials[2]) / "firmware" / "model.c").is_file()  # it is kept by content, too
        assert study.begin(5, lambda *_: None) == trials[3]
    assert (tmp_path / "a.study.old").read_bytes() == before
    with Study.load(path) as study:
        assert study.trials() == trials


def test_other_settings_are_refused_before_anything_is_changed(
    tmp_path: Path, make_settings: MakeSettings, trials: list[Trial]
) -> None:
    path = tmp_path / "a.study"
    write_old(path, make_settings(seed=1), trials)
    before = path.read_bytes()
    with pytest.raises(StudyError, match="seed 2 instead of 1"):
        Study.open(path, make_settings(seed=2))
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.study", "a.study.artifacts"]


def test_a_study_of_schema_3_is_read(tmp_path: Path, make_settings: MakeSettings, trials: list[Trial]) -> None:
    """Its trials hold nothing but a configuration and a result."""
    path = tmp_path / "a.study"
    bare = [trial.model_copy(update={"parent": None, "moves": ()}) for trial in trials]
    write_old(path, make_settings(), bare, schema=3)
    with Study.load(path) as study:
        assert study.trials() == bare


def test_a_study_of_schema_2_loads(tmp_path: Path) -> None:
    path = Path(shutil.copy(STUDY, tmp_path / "recorded.study"))
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


def test_a_study_of_schema_1_is_refused_with_the_reason(tmp_path: Path, make_settings: MakeSettings) -> None:
    path = Path(shutil.copy(OLD_STUDY, tmp_path / "old.study"))
    for opened in (lambda: Study.load(path), lambda: Study.open(path, make_settings())):
        with pytest.raises(StudyError, match=r"study schema 1; this version reads 5.*new study.*onnxruntime's errors"):
            opened()
    assert path.read_bytes() == OLD_STUDY.read_bytes()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_old_study_is_an_error_of_ours(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.study"
    data = STUDY.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(StudyError, match=r"cut\.study"):
        Study.load(path).trials()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE trials SET state = 'failed'", "UPDATE settings SET json = '[]'", "DELETE FROM trials WHERE number = 1"],
)
def test_a_damaged_old_study_is_left_alone(
    tmp_path: Path, make_settings: MakeSettings, trials: list[Trial], statement: str
) -> None:
    path = tmp_path / "a.study"
    write_old(path, make_settings(), trials)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StudyError, match=r"a\.study: damaged"):
        Study.load(path)
    assert path.read_bytes() == before


def test_an_import_that_is_interrupted_leaves_the_old_study(
    tmp_path: Path, make_settings: MakeSettings, trials: list[Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.study"
    write_old(path, make_settings(), trials)
    before = path.read_bytes()

    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importing, "sync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            Study.load(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    with Study.load(path) as study:
        assert study.trials() == trials


def test_a_slower_import_changes_nothing(
    tmp_path: Path, make_settings: MakeSettings, trials: list[Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process imports the study, and adds to it, between the look at the file and the lock on it."""
    path, other = tmp_path / "a.study", tmp_path / "other"
    write_old(path, make_settings(), trials)
    connect = importing.connect

    def late(file: Path, mode: importing.Mode) -> sqlite3.Connection:
        monkeypatch.setattr(importing, "connect", connect)
        Study.load(shutil.copy(path, other)).close()
        held = connect(file, mode)
        other.replace(path)
        return held

    identity = path.stat().st_ino
    monkeypatch.setattr(importing, "is_old", lambda _: True)
    monkeypatch.setattr(importing, "connect", late)
    importing.import_old(importing.Place(path))
    assert path.stat().st_ino != identity
    assert not (tmp_path / "a.study.old").exists()
