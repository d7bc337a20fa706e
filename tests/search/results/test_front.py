"""What is reported: the feasible front, its volume, and where its files are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, Objective, Objectives
from sparse_mcu.search.evaluation.protocol import TrialEvaluator
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.results.front import front_volume, is_feasible, knee_first, knee_of, pareto_front
from sparse_mcu.search.results.report import SearchReport, make_report
from sparse_mcu.search.run.runner import Budget, run_search
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.rivals.random_draws import RandomStrategy
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

MakeResult = Callable[..., Success]


@pytest.fixture(scope="module")
def trials(space: Space, make_result: MakeResult) -> list[Trial]:
    """Thirty results, a failure and a running trial."""
    rng = np.random.default_rng(0)
    configurations = [space.sample(rng) for _ in range(32)]
    done = [Trial(number=n, configuration=c, result=make_result(c)) for n, c in enumerate(configurations[:30])]
    failure = Failure(stage="cost", error="E", reason="r", seconds={})
    failed = Trial(number=30, configuration=configurations[30], result=failure)
    return [*done, failed, Trial(number=31, configuration=configurations[31])]


def test_nothing_dominates_the_front_and_the_front_dominates_the_rest(trials: list[Trial]) -> None:
    front = [result.objectives.values(DEFAULT_OBJECTIVES) for _, result in pareto_front(trials, Bounds())]
    everything = [
        trial.result.objectives.values(DEFAULT_OBJECTIVES) for trial in trials if isinstance(trial.result, Success)
    ]
    assert front == sorted(front)
    for values in everything:
        covered = any(all(a <= b for a, b in zip(member, values, strict=True)) for member in front)
        assert covered
        assert (values in front) or not any(all(np.array(values) <= member) for member in front)


def test_limits_and_boards_decide_what_is_feasible(trials: list[Trial], make_result: MakeResult) -> None:
    bounds = Bounds({"flash_bytes": 2500})
    assert {result.objectives["flash_bytes"].value <= 2500 for _, result in pareto_front(trials, bounds)} == {True}
    assert not is_feasible(trials[30], Bounds())
    assert not is_feasible(trials[31], Bounds())
    too_large = trials[0].model_copy(update={"result": make_result(trials[0].configuration, fits=False)})
    assert is_feasible(trials[0], Bounds())
    assert not is_feasible(too_large, Bounds())
    assert pareto_front([too_large], Bounds()) == []


def test_equal_members_stand_once(trials: list[Trial]) -> None:
    twin = trials[0].model_copy(update={"number": 40})
    front = pareto_front([twin, *trials], Bounds())
    assert len(front) == len(pareto_front(trials, Bounds()))
    assert len({result.objectives.values(DEFAULT_OBJECTIVES) for _, result in front}) == len(front)


def test_the_knee_is_nearest_to_the_best_of_everything(trials: list[Trial], make_result: MakeResult) -> None:
    def member(number: int, error: float, flash: float) -> Trial:
        result = make_result(trials[0].configuration)
        values = {"error": error, "flash_bytes": flash}
        objectives = {name: Objective(value=value, fidelity="analysed") for name, value in values.items()}
        return trials[0].model_copy(
            update={"number": number, "result": result.model_copy(update={"objectives": Objectives(objectives)})}
        )

    names = ("error", "flash_bytes")
    front = pareto_front([member(0, 0.01, 8e3), member(1, 0.02, 2e3), member(2, 0.08, 1e3)], Bounds(), names)
    knee = knee_of(front, names)
    assert knee is not None
    assert knee[0].number == 1
    assert [trial.number for trial, _ in knee_first(front, names)] == [1, 0, 2]
    assert knee_of([], names) is None
    assert knee_of(front[:1], names) is front[0]


def test_the_volume_grows_with_the_front(trials: list[Trial], microbit: Board) -> None:
    volumes = [front_volume(pareto_front(trials[:count], Bounds()), microbit) for count in (0, 5, 30)]
    assert 0 == volumes[0] < volumes[1] < volumes[2]


def test_the_report_names_existing_files_and_round_trips(
    tmp_path: Path,
    space: Space,
    microbit: Board,
    make_settings: Callable[..., Settings],
    make_evaluator: Callable[..., TrialEvaluator],
) -> None:
    with Study.open(tmp_path / "a.study", make_settings()) as study:
        run_search(study, RandomStrategy(Problem(space=space)), make_evaluator(failing=True), Budget(6))
        report = make_report(study, microbit)
    assert report.trials.complete + report.trials.failed == 6
    assert report.trials.failed > 0
    assert report.pareto
    assert [member.test for member in report.pareto] == [None] * len(report.pareto)
    for member in report.pareto:
        assert Path(member.onnx).read_text(encoding="utf-8").endswith(member.configuration.model_dump_json())
        assert Configuration.model_validate(member.configuration.model_dump()) == member.configuration
    assert SearchReport.model_validate_json(report.model_dump_json()) == report
