"""Says what evaluates a trial, and what prices its model: the runner and its processes know only this."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.result import Result, Rung, Stage
from sparse_mcu.search.space.configuration import Configuration, LeverChoice

ProgressCallback = Callable[[Stage, float], None]


@dataclass(frozen=True, slots=True)
class Parent:
    """A trial that gives its weights to a similar network, if that begins close enough to it (`resembles`).

    Attributes:
        weights: The file of its float weights.
        share: The share of the recipe's epochs that the other network then needs.
    """

    weights: Path
    share: float = 0.3


class CostEvaluator(Protocol):
    """Answers what a model costs on the board of a study."""

    def __call__(self, path: Path, directory: Path, levers: LeverChoice) -> SimulationReport:
        """Builds and runs the model at `path`; generated files go to `directory`.

        Args:
            path: The int8 model.
            directory: The folder of the generated files.
            levers: What the memory planner may do for this model, besides what it may do anyway.
        """
        ...


class TrialEvaluator(Protocol):
    """Turns a configuration into a result, for the runner."""

    def __call__(
        self,
        configuration: Configuration,
        *,
        seed: int,
        directory: Path,
        on_progress: ProgressCallback,
        parent: Parent | None = None,
        rungs: Sequence[Rung] = (),
    ) -> Result:
        """Evaluates a configuration and leaves its files in `directory`, which exists and is empty.

        Args:
            configuration: What is trained and measured.
            seed: The seed of its training.
            directory: The folder for its files.
            on_progress: Called with the stage and the share of it that is done.
            parent: The trial whose weights the network inherits; None lets it begin with random ones.
            rungs: Where the training may end early, ascending.
        """
        ...
