"""A trial's evaluation as a value, and who evaluates many: between the loop of a search and processes beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.search.evaluation.result import Result
from sparse_mcu.search.space.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an evaluator is asked, as a value; see `sparse_mcu.search.evaluation.evaluator.TrialEvaluator`."""

    configuration: Configuration
    seed: int
    directory: Path


class Crew(Protocol):
    """Evaluates assignments side by side."""

    def __call__(self, assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        """Ask for one when there is someone for it; tell the index and the result of each that is done."""
        ...
