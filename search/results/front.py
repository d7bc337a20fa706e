"""Finds the Pareto front of a study, and makes the report of the search."""

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, ModelInfo
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, KINDS, Objectives
from sparse_mcu.search.evaluation.result import CrossCheck, Success
from sparse_mcu.search.results.held_out import standard_error
from sparse_mcu.search.results.judgement import ErrorOfSeeds, stored_finalist
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.pareto import hypervolume, non_dominated
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial


class FrontMember(Record):
    """A trial that no other trial dominates. Its paths begin with the path by which the user named the study.

    Attributes:
        trial: The number of the trial.
        configuration: The configuration that was tried.
        objectives: All objectives by name, each with its fidelity, not only those that the study minimises.
        error_standard_error: The standard error of that error, sqrt(p (1 - p) / n) for n validation images. The front
            was chosen by this error, so the error is more likely too low than too high.
        test: The error on the test images, as `judge` last measured it on networks that it trained anew; None if it
            did not.
        check: The comparison with onnxruntime on the validation images.
        model: The name and the hash of the ONNX file.
        onnx: The int8 model.
        firmware: The folder with the generated C and the ELF.
        report: The JSON report of `simulate` for that model.
    """

    trial: int
    configuration: Configuration
    objectives: Objectives
    error_standard_error: float
    test: ErrorOfSeeds | None
    check: CrossCheck
    model: ModelInfo
    onnx: str
    firmware: str
    report: str


class TrialCounts(Record):
    """Counts the trials of a study.

    Attributes:
        complete: The trials that have objectives.
        stopped: The trials that were stopped early, because they could not become good enough.
        failed: The trials that could not be evaluated.
        running: The trials without a result.
        beyond_limits: The complete trials that do not fit the board or exceed a limit.
    """

    complete: int
    stopped: int = 0
    failed: int
    running: int
    beyond_limits: int


class SearchReport(Record):
    """The result of `search`.

    Attributes:
        settings: The settings of the study.
        study: The study file.
        trials: The number of trials in each state.
        hypervolume: The volume that the front dominates, in decades (factors of ten) to the power of the number of
            objectives. It reaches up to the `worst` of each objective: by default an error of 1, the board's RAM and
            flash, and ten seconds. Larger is better.
        pareto: The front, sorted by the first objective.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["search"] = "search"
    settings: Settings
    study: str
    trials: TrialCounts
    hypervolume: float
    pareto: list[FrontMember]


def is_feasible(trial: Trial, bounds: Bounds) -> bool:
    """Returns whether a trial is complete, fits its board, and keeps the user's limits."""
    result = trial.result
    return isinstance(result, Success) and result.fits and bounds.allow(result.objectives)


def successes(trials: Sequence[Trial]) -> list[tuple[Trial, Success]]:
    """Returns the complete trials with their results."""
    return [(trial, trial.result) for trial in trials if isinstance(trial.result, Success)]


def pareto_front(
    trials: Sequence[Trial], bounds: Bounds, objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> list[tuple[Trial, Success]]:
    """Returns the feasible trials that no feasible trial dominates, sorted by the first of the objectives."""
    feasible = successes([trial for trial in trials if is_feasible(trial, bounds)])
    if not feasible:
        return []
    best = non_dominated(np.array([result.objectives.values(objectives) for _, result in feasible]))
    front = [pair for pair, is_best in zip(feasible, best, strict=True) if is_best]
    return sorted(front, key=lambda pair: pair[1].objectives.values(objectives))


def front_volume(
    front: Sequence[tuple[Trial, Success]], board: Board, objectives: Sequence[str] = DEFAULT_OBJECTIVES
) -> float:
    """Returns the hypervolume of a front, as `SearchReport` defines it."""
    if not front:
        return 0.0
    worst = [KINDS[name].worst(board) for name in objectives]
    values = to_log([result.objectives.values(objectives) for _, result in front], objectives)
    return hypervolume(values / log(10), to_log(worst, objectives) / log(10))


def make_report(study: Study, board: Board) -> SearchReport:
    """Makes the report of a study from the trials that it has now.

    Args:
        study: The study.
        board: The board of the study.
    """
    trials, bounds, objectives = study.trials(), study.settings.bounds, study.settings.objectives
    front = pareto_front(trials, bounds, objectives)
    states = [trial.state for trial in trials]
    return SearchReport(
        settings=study.settings,
        study=str(study.place),
        trials=TrialCounts(
            complete=states.count("complete"),
            stopped=states.count("stopped"),
            failed=states.count("failed"),
            running=states.count("running"),
            beyond_limits=sum(not is_feasible(trial, bounds) for trial, _ in successes(trials)),
        ),
        hypervolume=round(front_volume(front, board, objectives), 6),
        pareto=[_member(study, trial, result) for trial, result in front],
    )


def _member(study: Study, trial: Trial, result: Success) -> FrontMember:
    folder, artifacts, judged = study.folder(trial), result.artifacts, stored_finalist(study, trial)
    return FrontMember(
        trial=trial.number,
        configuration=trial.configuration,
        objectives=result.objectives,
        error_standard_error=standard_error(result.objectives["error"].value, result.check.images),
        test=None if judged is None else judged.test,
        check=result.check,
        model=result.model,
        onnx=str(folder / artifacts.onnx),
        firmware=str(folder / artifacts.firmware),
        report=str(folder / artifacts.report),
    )
