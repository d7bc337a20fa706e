"""Trials side by side, each in a process that has what one alone has, so that the results are the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.result import Failure, Result
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.processes.workers import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What an evaluator is made from, in a form that crosses to another process.

    Attributes:
        data: The images.
        recipe: How candidates are trained.
        target: Where they must run.
        options: How their firmware is made.
    """

    data: DataRequest
    recipe: Recipe
    target: Target
    options: BuildOptions


@dataclass(frozen=True, slots=True)
class TrialJob:
    """An assignment for a worker."""

    setup: Setup
    assignment: Assignment


def crew_of(setup: Setup, workers: int) -> Crew:
    """A crew of that many processes; they are started by the first assignments and end with the last.

    Args:
        setup: What they evaluate with.
        workers: How many.
    """

    def crew(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        with WorkerPool[TrialJob, Result]("sparse_mcu.search.run.worker", _died, workers) as pool:
            pool.run((TrialJob(setup, assignment) for assignment in assignments), on_done)

    return crew


def _died(_job: TrialJob, ending: str) -> Result:
    reason = f"the process that evaluated it {ending}; see whether memory ran out, or give --jobs 1"
    return Failure(stage="training", error="WorkerError", reason=reason, seconds={})
