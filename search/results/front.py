"""The answer of a search: which trials are worth having, and the JSON record of it."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Literal

import numpy as np

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, ModelInfo
from sparse_mcu.search.evaluation.objectives import Bounds, Objectives
from sparse_mcu.search.evaluation.result import CrossCheck, Success
from sparse_mcu.search.results.held_out import HeldOutError, standard_error
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.strategies.bayes.scalarization import ERROR_FLOOR, to_log
from sparse_mcu.search.strategies.pareto import hypervolume, non_dominated
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.sqlite import Study
from sparse_mcu.search.study.trial import Trial

_SLOW_MS = 10_000.0


class FrontMember(Record):
    """A trial that no other dominates; paths are as seen from where the study was named.

    Attributes:
        trial: Its number.
        configuration: What was tried.
        objectives: What it costs, each with its fidelity; the error is that on the validation images.
        error_standard_error: Of that error: sqrt(p (1 - p) / n) of n validation images. The front was chosen by this
            error, so it is rather too low than too high.
        test: The error on the test images, which chose nothing; None where nobody measured it.
        check: What onnxruntime says on the validation images.
        model: Name and hash of the ONNX file.
        onnx: The int8 model.
        firmware: Folder with the generated C and the ELF.
        report: What `simulate` answers for it, as JSON.
    """

    trial: int
    configuration: Configuration
    objectives: Objectives
    error_standard_error: float
    test: HeldOutError | None
    check: CrossCheck
    model: ModelInfo
    onnx: str
    firmware: str
    report: str


class TrialCounts(Record):
    """How many trials there are, and why not all could be on the front."""

    complete: int
    failed: int
    running: int
    beyond_limits: int


class SearchReport(Record):
    """What `search` answers.

    Attributes:
        settings: What the study is about.
        study: The study file.
        trials: Counts.
        hypervolume: What the front dominates, in decades (factors of ten) to the power of four, up to an
            error of 1, the board's RAM and flash, and ten seconds; larger is better.
        pareto: The front, by error.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["search"] = "search"
    settings: Settings
    study: str
    trials: TrialCounts
    hypervolume: float
    pareto: list[FrontMember]


def is_feasible(trial: Trial, bounds: Bounds) -> bool:
    """Whether a trial is complete, fits its board, and keeps the user's limits."""
    result = trial.result
    return isinstance(result, Success) and result.fits and bounds.allow(result.objectives)


def successes(trials: Sequence[Trial]) -> list[tuple[Trial, Success]]:
    """The complete trials with their results."""
    return [(trial, trial.result) for trial in trials if isinstance(trial.result, Success)]


def pareto_front(trials: Sequence[Trial], bounds: Bounds) -> list[tuple[Trial, Success]]:
    """The feasible trials that no feasible trial dominates, by error."""
    feasible = successes([trial for trial in trials if is_feasible(trial, bounds)])
    if not feasible:
        return []
    best = non_dominated(np.array([result.objectives.values for _, result in feasible]))
    front = [pair for pair, is_best in zip(feasible, best, strict=True) if is_best]
    return sorted(front, key=lambda pair: pair[1].objectives.values)


def front_volume(front: Sequence[tuple[Trial, Success]], board: Board) -> float:
    """The hypervolume of `SearchReport`."""
    if not front:
        return 0.0
    worst = (1.0 - ERROR_FLOOR, board.ram.size_bytes, board.flash.size_bytes, _SLOW_MS)
    decades = 1 / log10(np.e)
    values = to_log([result.objectives.values for _, result in front]) / decades
    return hypervolume(values, to_log(worst) / decades)


def make_report(study: Study, board: Board, held_out: Mapping[int, HeldOutError]) -> SearchReport:
    """The record of a study as it stands.

    Args:
        study: The study.
        board: Its board.
        held_out: Test errors of the front's members by trial, from `held_out_errors`; members may be missing.
    """
    trials, bounds = study.trials(), study.settings.bounds
    front = pareto_front(trials, bounds)
    states = [trial.state for trial in trials]
    return SearchReport(
        settings=study.settings,
        study=str(study.path),
        trials=TrialCounts(
            complete=states.count("complete"),
            failed=states.count("failed"),
            running=states.count("running"),
            beyond_limits=sum(not is_feasible(trial, bounds) for trial, _ in successes(trials)),
        ),
        hypervolume=round(front_volume(front, board), 6),
        pareto=[_member(study, trial, result, held_out.get(trial.number)) for trial, result in front],
    )


def _member(study: Study, trial: Trial, result: Success, test: HeldOutError | None) -> FrontMember:
    folder, artifacts = study.folder(trial), result.artifacts
    return FrontMember(
        trial=trial.number,
        configuration=trial.configuration,
        objectives=result.objectives,
        error_standard_error=standard_error(result.objectives.error.value, result.check.images),
        test=test,
        check=result.check,
        model=result.model,
        onnx=str(folder / artifacts.onnx),
        firmware=str(folder / artifacts.firmware),
        report=str(folder / artifacts.report),
    )
