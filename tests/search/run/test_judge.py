"""Finalists trained anew: whose errors they get, which seed stands for them, what is kept and what is done again."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.data.dataset import Dataset, Split, make_dataset
from sparse_mcu.search.data.loaders import digits
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.evaluation.result import Failure, Success
from sparse_mcu.search.evaluation.spot_check import SpotCheck
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.held_out import standard_error
from sparse_mcu.search.results.judgement import FINALIST_FILE, JUDGED, stored_finalist
from sparse_mcu.search.results.report import make_report
from sparse_mcu.search.run.assignment import Assignment
from sparse_mcu.search.run.judge import SEED_FILE, Judge, finalists_of
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal

MakeResult = Callable[..., Success]


@pytest.fixture(scope="module")
def data() -> Dataset:
    """A few digits."""
    whole = digits.load()
    few = {name: Split(part.images[:90], part.labels[:90]) for name, part in _parts(whole).items()}
    return make_dataset("digits", classes=10, **few)


def _parts(data: Dataset) -> dict[str, Split]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


@pytest.fixture
def study(tmp_path: Path, make_settings: Callable[..., Settings], make_result: MakeResult) -> Iterator[Study]:
    """A complete trial, one that failed, and one that runs."""
    with Study.open(tmp_path / "a.study", make_settings()) as made:
        for number, text in enumerate(("dense-4 dense", "dense-5 dense", "dense-6 dense")):
            proposal = Proposal(configuration=parse(text))
            trial = made.begin(3, lambda *_, made=proposal: made)
            assert trial is not None
            with made.workspace(trial):
                if number == 0:
                    made.finish(trial, make_result(trial.configuration))
                if number == 1:
                    made.finish(trial, Failure(stage="cost", error="E", reason="r", seconds={}))
        yield made


@pytest.fixture
def judge(study: Study, data: Dataset, make_simulation: CostEvaluator) -> Judge:
    evaluate = Evaluator(data, Recipe(epochs=2), make_simulation)
    return Judge(study=study, dataset=data, evaluate=evaluate, check=checked, seeds=range(3), facts="a board")


def checked(model: Path, _levers: LeverChoice) -> SpotCheck:
    assert model.is_file()
    return SpotCheck(images=8, differing=0, engine="none")


def nothing(*_: object) -> None:
    pass


def test_the_errors_are_the_boards_and_the_median_stands_for_the_seeds(judge: Judge, data: Dataset) -> None:
    (trial,) = finalists_of(judge.study, None)
    (finalist,) = judge([trial], nothing)
    assert [seed.seed for seed in finalist.seeds] == [0, 1, 2]
    home = judge.study.folder(trial)
    for seed in finalist.seeds:
        graph = load_graph(home / seed.folder / "candidate.onnx")
        assert graph.sha256 == seed.model.sha256
        assert seed.test.value == np.mean(board_classes(graph, data.test.images) != data.test.labels)
        assert seed.validation.value == seed.objectives["error"].value
    assert len({seed.model.sha256 for seed in finalist.seeds}) == 3
    for found, part in ((finalist.test, "test"), (finalist.validation, "validation")):
        shares = [getattr(seed, part).value for seed in finalist.seeds]
        assert found.mean == pytest.approx(np.mean(shares))
        assert found.deviation == pytest.approx(stdev(shares))
        assert found.standard_error == pytest.approx(standard_error(float(np.mean(shares)), 90))
        assert (found.images, found.seeds, found.fidelity) == (90, 3, "analysed")
    median = sorted(finalist.seeds, key=lambda seed: (seed.validation.value, seed.seed))[1]
    assert (finalist.median_seed, finalist.objectives) == (median.seed, median.objectives)
    assert stored_finalist(judge.study, trial) == finalist


def test_the_front_shows_what_was_judged(judge: Judge, microbit: Any) -> None:  # noqa: ANN401 - a board
    (trial,) = finalists_of(judge.study, None)
    assert [member.test for member in make_report(judge.study, microbit).pareto] == [None]
    (finalist,) = judge([trial], nothing)
    assert [member.test for member in make_report(judge.study, microbit).pareto] == [finalist.test]
    (judge.study.folder(trial) / JUDGED / FINALIST_FILE).write_text("{", encoding="utf-8")
    assert [member.test for member in make_report(judge.study, microbit).pareto] == [None]


def test_what_is_kept_is_not_trained_again_unless_something_else_decides(judge: Judge) -> None:
    (trial,) = finalists_of(judge.study, None)
    (first,), trained = judge([trial], nothing), []

    def again(changed: Judge) -> Any:  # noqa: ANN401 - a finalist
        def counting(configuration: Any, *, seed: int, **others: Any) -> Any:  # noqa: ANN401 - an evaluator
            trained.append(seed)
            return changed.evaluate(configuration, seed=seed, **others)

        counting.recipe = changed.evaluate.recipe  # type: ignore[attr-defined]
        counting.fine_tuning = changed.evaluate.fine_tuning  # type: ignore[attr-defined]
        return replace(changed, evaluate=counting)([trial], nothing)[0]  # type: ignore[arg-type]

    assert again(judge) == first
    assert trained == []
    assert again(replace(judge, seeds=range(4))).seeds[:3] == first.seeds
    assert trained == [3]
    folder = judge.study.folder(trial) / first.seeds[1].folder
    (folder / SEED_FILE).write_text(json.dumps({"seed": 1}), encoding="utf-8")
    assert again(judge).seeds == first.seeds
    assert trained == [3, 1]
    (folder / "candidate.onnx").unlink()
    assert again(judge).seeds == first.seeds
    assert trained == [3, 1, 1]
    again(replace(judge, facts="another board"))
    assert trained == [3, 1, 1, 0, 1, 2]
    again(replace(judge, evaluate=replace(judge.evaluate, fine_tuning=1)))
    assert trained == [3, 1, 1, 0, 1, 2, 0, 1, 2]


def test_an_interrupted_judge_keeps_what_is_done(judge: Judge, make_simulation: CostEvaluator) -> None:
    calls: list[Path] = []

    def costs(path: Path, *others: Any) -> Any:  # noqa: ANN401 - a report
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return make_simulation(path, *others)

    (trial,) = finalists_of(judge.study, None)
    stopped = replace(judge, evaluate=replace(judge.evaluate, cost=costs))
    with pytest.raises(KeyboardInterrupt):
        stopped([trial], nothing)
    (kept,) = (judge.study.folder(trial) / JUDGED).iterdir()
    assert kept.name.startswith("seed-0-")
    assert len(stopped([trial], nothing)[0].seeds) == 3
    assert len(calls) == 4


def test_a_crew_finds_what_one_alone_finds(judge: Judge) -> None:
    (trial,) = finalists_of(judge.study, None)
    alone, shares = judge([trial], nothing), []

    def crew(assignments: Iterable[Assignment], on_done: Callable[[int, Any], None]) -> None:
        results = [each.evaluated_by(judge.evaluate) for each in assignments]
        for index, result in reversed([*enumerate(results)]):
            on_done(index, result)

    shutil.rmtree(judge.study.folder(trial) / JUDGED)
    together = replace(judge, crew=crew)([trial], lambda *share: shares.append(share))
    assert [each.model_dump(exclude={"seeds", "objectives"}) for each in together] == [
        each.model_dump(exclude={"seeds", "objectives"}) for each in alone
    ]
    assert [seed.model.sha256 for seed in together[0].seeds] == [seed.model.sha256 for seed in alone[0].seeds]
    assert shares == [(trial, seed, 1.0) for seed in (2, 1, 0)]


def test_a_seed_that_fails_says_which(judge: Judge) -> None:
    def costs(*_: object) -> Any:  # noqa: ANN401 - a report
        raise ValueError("oops")

    (trial,) = finalists_of(judge.study, None)
    with pytest.raises(CandidateError, match="trial 0, seed 0: cost failed: oops"):
        replace(judge, evaluate=replace(judge.evaluate, cost=costs))([trial], nothing)
    assert list((judge.study.folder(trial) / JUDGED).iterdir()) == []


def test_finalists_are_complete_trials(study: Study) -> None:
    assert [trial.number for trial in finalists_of(study, (0, 0))] == [0]
    for number in (1, 2, 9):
        with pytest.raises(StudyError, match=f"trial {number} is not complete"):
            finalists_of(study, (number,))


def test_the_best_have_the_least_error_within_the_limits(
    tmp_path: Path, make_settings: Callable[..., Settings], make_result: MakeResult
) -> None:
    """More units make less error and more flash, and the last network has too much of it."""
    units = (4, 9, 6, 30)
    limit = make_result(parse("dense-9 dense")).objectives["flash_bytes"].value
    with Study.open(tmp_path / "b.study", make_settings(bounds=Bounds({"flash_bytes": limit}))) as study:
        for text in (f"dense-{each} dense" for each in units):
            proposal = Proposal(configuration=parse(text))
            trial = study.begin(len(units), lambda *_, made=proposal: made)
            assert trial is not None
            with study.workspace(trial):
                study.finish(trial, make_result(trial.configuration))
        assert [trial.number for trial in finalists_of(study, None, best=2)] == [1, 2]
        assert [trial.number for trial in finalists_of(study, None, best=9)] == [1, 2, 0]


def test_an_empty_front_has_no_finalists(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    with Study.open(tmp_path / "b.study", make_settings()) as study, pytest.raises(StudyError, match="no trial keeps"):
        finalists_of(study, None)
