"""Proposes by ageing evolution with random scalarisations, as muNAS does (Liberis, Dudziak and Lane, EuroMLSys 2021).

The population are the last complete trials. Each proposal draws a sample of them, and numbers lambda_k between 0 and 1.
The parent is the member of the sample with the largest fitness

    -max_k min(f_k / bound_k, 10) / lambda_k.

Its child differs by one move, and is trained from nothing. f_k is objective k, and bound_k is its limit. Where there is
none, the worst value of the front takes its place. The paper has a population of 100 and a sample of 25 for 2,000
rounds. Our defaults suit some 150 trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.strategies.proposing import done, is_affordable, propose_with
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.study.trial import Proposal, Trial

_MOST_EXCESS = 10.0
_CHILDREN = 8


@dataclass(frozen=True, slots=True)
class EvolutionStrategy:
    """Proposes children of good members of a population that ages.

    Attributes:
        problem: What the study searches for.
        population: The number of trials that may be parents. As many are random at first.
        sample: The number of them among which the best becomes the parent.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    population: int = 25
    sample: int = 8
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a child of a good trial, or a random configuration at first; None if there is none."""

        def choose(taken: set[Configuration], rng: np.random.Generator) -> Proposal | None:
            known = done(history)
            if len(known) < self.population:
                return None
            members = [known[-row - 1] for row in rng.choice(self.population, size=self._drawn, replace=False)]
            draw = 1.0 - rng.random(len(self.problem.modelled))
            fitness = -(np.minimum(self._shares(members, known), _MOST_EXCESS) / draw).max(axis=1)
            parent = members[int(fitness.argmax())][0]
            children = neighbours(parent.configuration, self.problem.space, rng, _CHILDREN)
            fit = (each for each in children if not self.filtered or is_affordable(self.problem, each))
            child = next((each for each in fit if each not in taken), None)
            return None if child is None else Proposal(configuration=child)

        return propose_with(self.problem, number, history, choose, filtered=self.filtered)

    @property
    def _drawn(self) -> int:
        return min(self.sample, self.population)

    def _shares(self, members: Sequence[tuple[Trial, Objectives]], known: Sequence[tuple[Trial, Objectives]]) -> Array:
        """Returns objectives as shares of their bounds [n, k]."""
        names = self.problem.modelled
        values = np.array([objectives.values(names) for _, objectives in known])
        worst = values[non_dominated(values)].max(axis=0)
        bounds = np.array(self.problem.bounds.values(names))
        bounds = np.where(np.isfinite(bounds), bounds, np.maximum(worst, np.finfo(np.float64).tiny))
        return np.asarray(np.array([objectives.values(names) for _, objectives in members]) / bounds)
