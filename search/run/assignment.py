"""Connects the loop of a search with processes that evaluate trials: what they are asked, and what they answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.search.evaluation.protocol import Parent
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


class Crew(Protocol):
    """Evaluates assignments side by side."""

    def __call__(self, assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        """Takes an assignment whenever a process is free, and passes index and result of each one to `on_done`."""
        ...
