"""Proposes random configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

from sparse_mcu.search.strategies.proposing import propose_with
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.study.trial import Proposal, Trial


@dataclass(frozen=True, slots=True)
class RandomStrategy:
    """Draws configurations as `Space.sample` does.

    Attributes:
        problem: What the study searches for.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a random new configuration; None if there is none."""
        return propose_with(self.problem, number, history, lambda *_: None, filtered=self.filtered)
