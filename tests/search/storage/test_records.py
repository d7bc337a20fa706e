"""What Optuna sees of a study: values, constraints, parameters, states, rungs and notes; and that it is silent."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.result import Failure, Result, RungError, Stopped, Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.space.task import Task
from sparse_mcu.search.storage.notes import note_attributes
from sparse_mcu.search.storage.records import parameters_of
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.rivals.optuna_asking import Replayed
from sparse_mcu.search.strategies.rivals.optuna_space import ask_configuration
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

BOUNDS = Bounds({"error": 0.5, "flash_bytes": 2100})
RUNGS = (RungError(share=0.25, error=0.6), RungError(share=0.5, error=0.4))
MakeResult = Callable[..., Success]


def note_of(attributes: dict[str, object], trial_id: int) -> str:
    """The note that optuna-dashboard shows: the pieces in their order."""
    assert attributes[f"dashboard:{trial_id}:note_ver"] == 1
    prefix = f"dashboard:{trial_id}:note_str:"
    count = sum(key.startswith(prefix) for key in attributes)
    return "".join(str(attributes[f"{prefix}{index}"]) for index in range(count))


@pytest.fixture
def results(space: Space, make_result: MakeResult) -> list[tuple[Configuration, Result]]:
    """Four configurations with a result of each kind; the last one does not fit its board."""
    made = [space.sample(np.random.default_rng(number)) for number in range(4)]
    success = make_result(made[0]).model_copy(update={"rungs": RUNGS})
    stopped = Stopped(stage="training", reason="it is dominated", rungs=RUNGS[:1], seconds={})
    failure = Failure(stage="cost", error="ToolchainError", reason="no compiler", seconds={})
    return list(zip(made, [success, stopped, failure, make_result(made[3], fits=False)], strict=True))


@pytest.fixture
def path(
    tmp_path: Path,
    space: Space,
    make_settings: Callable[..., Settings],
    results: list[tuple[Configuration, Result]],
    make_simulation: Callable[..., SimulationReport],
) -> Path:
    """A study of the four trials, and one that has not ended."""
    path = tmp_path / "a.study"
    settings = make_settings(bounds=BOUNDS, space=space.limits)
    with Study.open(path, settings) as study:
        for configuration, result in results:
            trial = study.begin(9, lambda *_, made=configuration: Proposal(configuration=made))
            assert trial is not None
            with study.workspace(trial) as workspace:
                (workspace / "candidate.onnx").write_text("x", encoding="utf-8")
                report = make_simulation(workspace / "candidate.onnx", workspace)
                (workspace / "report.json").write_text(report.model_dump_json(), encoding="utf-8")
                study.finish(trial, result)
        other = space.sample(np.random.default_rng(9))
        assert study.begin(9, lambda *_: Proposal(configuration=other)) is not None
    return path


@pytest.fixture
def seen(path: Path) -> optuna.Study:
    """The study, as anyone loads it."""
    return optuna.load_study(study_name="sparse-mcu", storage=f"sqlite:///{path}")


def test_optuna_sees_states_and_values(seen: optuna.Study, results: list[tuple[Configuration, Result]]) -> None:
    complete, pruned, failed, large, waiting = seen.trials
    states = [trial.state for trial in seen.trials]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE, TrialState.WAITING]
    assert [direction.name for direction in seen.directions] == ["MINIMIZE"] * 4
    assert seen.metric_names == ["error", "ram_bytes", "flash_bytes", "latency_ms"]
    success = results[0][1]
    assert isinstance(success, Success)
    assert complete.values == list(success.objectives.values(seen.metric_names or []))
    assert pruned.values is failed.values is waiting.values is None
    assert complete.intermediate_values == {25: 0.6, 50: 0.4}
    assert pruned.intermediate_values == {25: 0.6}
    limits = {name: success.objectives[name].value - limit for name, limit in BOUNDS.root.items()}
    assert list(complete.constraints.values()) == [limits["error"], limits["flash_bytes"], 0.0]
    assert list(large.constraints.values())[-1] == 1.0
    assert [trial.user_attrs["network"] for trial in seen.trials[:4]] == [describe(made) for made, _ in results]


def test_samplers_of_optuna_go_on_with_a_study(seen: optuna.Study) -> None:
    """They read parameters, values and constraints."""
    for sampler in (optuna.samplers.TPESampler(seed=0), optuna.samplers.NSGAIISampler(seed=0)):
        study = optuna.create_study(directions=seen.directions, sampler=sampler)
        study.add_trials([trial for trial in seen.trials if trial.state is TrialState.COMPLETE])
        trial = study.ask()
        assert trial.suggest_categorical("pooling", (1, 2)) in {1, 2}


def test_parameters_are_the_choices_of_the_configuration(seen: optuna.Study, space: Space) -> None:
    for trial in seen.trials:
        configuration = Trial.model_validate({**trial.user_attrs["proposal"], "number": 0}).configuration
        assert ask_configuration(Replayed(trial.params), space.limits) == configuration
        assert len(trial.params) >= 4


@given(st.integers(0, 2**32))
def test_every_configuration_of_a_space_has_parameters(seed: int) -> None:
    space = Space(Task((1, 8, 8), 10))
    configuration = space.sample(np.random.default_rng(seed))
    parameters = parameters_of(configuration, space.limits)
    assert ask_configuration(Replayed({name: value for name, (value, _) in parameters.items()}), space.limits)
    optuna.trial.create_trial(
        values=[0.0],
        params={name: value for name, (value, _) in parameters.items()},
        distributions={name: distribution for name, (_, distribution) in parameters.items()},
    )


def test_what_the_limits_do_not_contain_has_no_parameters(space: Space) -> None:
    configuration = space.sample(np.random.default_rng(0))
    kernels = {block.kernel for block in configuration.blocks}
    assert kernels
    others = tuple({1, 2, 3, 4, 5, 6, 7} - kernels)
    assert parameters_of(configuration, space.limits.model_copy(update={"kernels": others})) == {}
    assert parameters_of(configuration, Limits(channels=(2, 3))) == {}


def test_notes_are_what_the_dashboard_shows(path: Path, seen: optuna.Study) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    attributes = storage.get_study_system_attrs(storage.get_study_id_from_name("sparse-mcu"))
    storage.engine.dispose()

    def note(trial: FrozenTrial) -> str:
        return note_of(attributes, trial._trial_id)

    complete, stopped, failed, large, _ = seen.trials
    assert "| RAM | 1000 of 16384 | arena 500, static 100, stack 400 |" in note(complete)
    assert "| latency |" in note(complete)
    assert "estimated" in note(complete)
    assert "Stopped after 25% of its training, with an error of 60.00%: it is dominated" in note(stopped)
    assert "Failed in cost (ToolchainError): no compiler" in note(failed)
    assert "It does not fit its board" in note(large)
    assert "**digits** on **microbit**" in str(attributes["dashboard:note_str:0"])


@given(st.text(max_size=9000))
def test_notes_of_any_length_are_whole(body: str) -> None:
    assert note_of(dict(note_attributes(body, 7)), 7) == body


def test_a_trial_that_another_program_marked_as_failed_is_a_failure(
    path: Path, results: list[tuple[Configuration, Result]]
) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trials SET state = 'FAIL' WHERE number = 4")
    connection.commit()
    connection.close()
    with Study.load(path) as study:
        trials = study.trials()
    assert [trial.result for trial in trials[:4]] == [result for _, result in results]
    assert isinstance(trials[4].result, Failure)
    assert "another program" in trials[4].result.reason


SILENT = """
import json, runpy, sys
from pathlib import Path
from sparse_mcu.search.storage.study import Study
fakes = runpy.run_path(sys.argv[1])
Study.open(Path(sys.argv[2]), fakes["make_settings"]()).close()
with Study.load(Path(sys.argv[2])) as study:
    sys.stdout.write(json.dumps(len(study.trials())))
"""


def test_optuna_says_nothing_to_the_user(tmp_path: Path) -> None:
    conftest = Path(__file__).parents[1] / "conftest.py"
    arguments = [sys.executable, "-W", "error", "-c", SILENT, str(conftest), str(tmp_path / "a.study")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stderr, json.loads(done.stdout)) == ("", 0)
