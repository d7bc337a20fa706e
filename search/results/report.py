"""Makes the report of a search."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, ModelInfo
from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.result import CrossCheck, Success
from sparse_mcu.search.results.front import feasible_trials, front_volume, knee_of, pareto_front
from sparse_mcu.search.results.held_out import standard_error
from sparse_mcu.search.results.importances import importances_of
from sparse_mcu.search.results.judgement import ErrorOfSeeds, stored_finalist
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.storage.study import Study
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
        equals: The numbers of later trials that have the same values of all objectives that the study minimises.
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
    equals: list[int] = Field(default_factory=list)


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
        knee: The number of the trial on the front that is nearest to the best of everything; None if there is no front.
        pareto: The front, sorted by the first objective.
        importances: Which choices the error depends on, as `importances_of` says.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["search"] = "search"
    settings: Settings
    study: str
    trials: TrialCounts
    hypervolume: float
    knee: int | None = None
    pareto: list[FrontMember]
    importances: dict[str, float] = Field(default_factory=dict)


def make_report(study: Study, board: Board) -> SearchReport:
    """Makes the report of a study from the trials that it has now.

    Args:
        study: The study.
        board: The board of the study.
    """
    trials, bounds, objectives = study.trials(), study.settings.bounds, study.settings.objectives
    feasible = feasible_trials(trials, bounds)
    front = pareto_front(trials, bounds, objectives)
    knee = knee_of(front, objectives)
    states = [trial.state for trial in trials]
    return SearchReport(
        settings=study.settings,
        study=str(study.place),
        trials=TrialCounts(
            complete=states.count("complete"),
            stopped=states.count("stopped"),
            failed=states.count("failed"),
            running=states.count("running"),
            beyond_limits=states.count("complete") - len(feasible),
        ),
        hypervolume=round(front_volume(front, board, objectives), 6),
        knee=None if knee is None else knee[0].number,
        pareto=[_member(study, trial, result, _equals(trial, result, feasible, objectives)) for trial, result in front],
        importances=importances_of(trials),
    )


def _equals(
    trial: Trial, result: Success, others: Sequence[tuple[Trial, Success]], objectives: Sequence[str]
) -> list[int]:
    """Returns the numbers of the other trials with the same objectives."""
    values = result.objectives.values(objectives)
    return [
        other.number
        for other, theirs in others
        if other.number != trial.number and theirs.objectives.values(objectives) == values
    ]


def _member(study: Study, trial: Trial, result: Success, equals: list[int]) -> FrontMember:
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
        equals=equals,
    )
