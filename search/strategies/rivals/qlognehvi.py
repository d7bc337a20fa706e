"""Proposes by botorch's noisy expected hypervolume improvement (qLogNEHVI; Daulton et al., NeurIPS 2021; Ament et al.).

Each objective has a Gaussian process over encoded configurations. The acquisition is computed for a pool of random
configurations and neighbours of the front, since configurations are no continuous space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.strategies.models.encoding import encode
from sparse_mcu.search.strategies.models.hypervolume_gain import hypervolume_gains
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.strategies.proposing import done, is_affordable, keeps, propose_with, sobol_choice
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.trial import Proposal, Trial

_LEAST_OBSERVATIONS = 4
_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class QLogNehviStrategy:
    """Proposes the configuration of a pool with the largest noisy expected hypervolume improvement.

    Attributes:
        problem: What the study searches for.
        initial: The number of trials from a Sobol sequence, before any model is fitted.
        random_pool: The number of random configurations in the pool.
        local_pool: The number of configurations in the pool that are one move away from the front, about.
        samples: The number of draws from the posterior.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    initial: int = 8
    random_pool: int = 64
    local_pool: int = 64
    samples: int = 16
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a new configuration; None if there is none."""

        def choose(taken: set[Configuration], rng: np.random.Generator) -> Proposal | None:
            if number < len(self.problem.start) + self.initial:
                point = sobol_choice(self.problem, number, filtered=self.filtered)
                return None if point is None else Proposal(configuration=point)
            return self._optimise(history, taken, rng) if len(done(history)) >= _LEAST_OBSERVATIONS else None

        return propose_with(self.problem, number, history, choose, filtered=self.filtered)

    def _optimise(
        self, history: Sequence[Trial], taken: set[Configuration], rng: np.random.Generator
    ) -> Proposal | None:
        known, names = done(history), self.problem.objectives
        configurations = [trial.configuration for trial, _ in known]
        logs = to_log([objectives.values(names) for _, objectives in known], names)
        pool = self._pool(list(compress(configurations, non_dominated(logs))), taken, rng)
        if not pool:
            return None
        running = [each.configuration for each in history if each.result is None]
        nadir = logs[non_dominated(logs)].max(axis=0) + _MARGIN * np.ptp(logs, axis=0)
        reference = np.minimum(to_log(self.problem.bounds.values(names), names), nadir)
        gains = hypervolume_gains(
            self._encode(configurations),
            logs,
            reference,
            self._encode([*configurations, *running]),
            self._encode(pool),
            samples=self.samples,
            seed=int(rng.integers(2**31)),
        )
        ranked = (pool[row] for row in np.argsort(-gains, kind="stable"))
        fit = (each for each in ranked if not self.filtered or is_affordable(self.problem, each))
        found = next(fit, None)
        return None if found is None else Proposal(configuration=found)

    def _pool(
        self, front: Sequence[Configuration], taken: set[Configuration], rng: np.random.Generator
    ) -> list[Configuration]:
        space = self.problem.space
        pool = dict.fromkeys(space.sample(rng) for _ in range(self.random_pool))
        for each in front:
            pool.update(dict.fromkeys(neighbours(each, space, rng, -(-self.local_pool // len(front)))))
        return [
            each for each in pool if each not in taken and (not self.filtered or keeps(self.problem, each, "shape"))
        ]

    def _encode(self, configurations: Sequence[Configuration]) -> Array:
        return np.stack([encode(each, self.problem.space) for each in configurations])
