"""Evaluates trials side by side in processes of this machine. The results are those of one process."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.costs import emulated_cost
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.result import Failure, Result
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions
from sparse_mcu.simulation.processes.workers import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that another process needs to make an evaluator.

    Attributes:
        data: The images, by dataset and folder.
        recipe: How candidates are trained.
        target: Where they must run.
        options: How their firmware is made.
        fine_tuning: The number of epochs of quantisation-aware training after the calibration.
        refit: Whether networks are trained on the validation images, too.
    """

    data: DataRequest
    recipe: Recipe
    target: Target
    options: BuildOptions
    fine_tuning: int = 0
    refit: bool = False

    def evaluator(self, dataset: Dataset, tools: Tools) -> Evaluator:
        """Returns the evaluator that this describes.

        Args:
            dataset: The images that `data` names.
            tools: The compiler and the emulator of `target`.
        """
        cost = emulated_cost(self.target, self.options, tools)
        images = dataset.joined() if self.refit else dataset
        return Evaluator(images, self.recipe, cost, fine_tuning=self.fine_tuning)


@dataclass(frozen=True, slots=True)
class TrialJob:
    """An assignment and the setup that it needs, as a worker gets them."""

    setup: Setup
    assignment: Assignment


def crew_of(setup: Setup, workers: int) -> Crew:
    """Returns a crew of several processes. They start with the first assignments and end with the last one.

    Args:
        setup: What an evaluator is made from.
        workers: The most processes.
    """

    def crew(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        with WorkerPool[TrialJob, Result]("sparse_mcu.search.run.worker", _died, workers) as pool:
            pool.run((TrialJob(setup, assignment) for assignment in assignments), on_done)

    return crew


def _died(_job: TrialJob, ending: str) -> Result:
    reason = f"the process that evaluated it {ending}; check whether memory ran out, or use --jobs 1"
    return Failure(stage="training", error="WorkerError", reason=reason, seconds={})
