"""Connects the loop of a search with processes that evaluate trials: what they are asked, and what they answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.search.evaluation.protocol import Parent, ProgressCallback, TrialEvaluator
from sparse_mcu.search.evaluation.result import Result, Rung
from sparse_mcu.search.space.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arguments of a `sparse_mcu.search.evaluation.protocol.TrialEvaluator`, as a value for another process."""

    configuration: Configuration
    seed: int
    directory: Path
    parent: Parent | None = None
    rungs: tuple[Rung, ...] = ()

    def evaluated_by(self, evaluate: TrialEvaluator, on_progress: ProgressCallback = lambda *_: None) -> Result:
        """Returns what an evaluator makes of it.

        Args:
            evaluate: The evaluator.
            on_progress: Called with the stage and the share of it that is done.
        """
        return evaluate(
            self.configuration,
            seed=self.seed,
            directory=self.directory,
            on_progress=on_progress,
            parent=self.parent,
            rungs=self.rungs,
        )


class Crew(Protocol):
    """Evaluates assignments side by side."""

    def __call__(self, assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        """Takes an assignment whenever a process is free, and passes index and result of each one to `on_done`."""
        ...
