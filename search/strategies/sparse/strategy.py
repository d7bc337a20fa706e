"""Proposes as SpArSe does (Fedorov et al., NeurIPS 2019): Gaussian processes, random scalarisations, three stages.

1. Broad: points of a Sobol sequence, then Bayesian optimisation over the whole space, without pruning.
2. Narrowed: Bayesian optimisation among networks like those of the front, without pruning.
3. Morphs: networks one move away from members of the front. They inherit weights, train for fewer epochs, and may be
   pruned.

Each objective has a Gaussian process of its own, with a kernel for conditional spaces. Each proposal draws a
Tchebychev scalarisation, and a function from each process (Thompson sampling), or takes optimistic values (UCB; Paria,
Kandasamy and Poczos, UAI 2019).

Example of a proposal by Thompson sampling, with a pool of two configurations and two objectives. The Gaussian processes
believe that A has z = (0.3 +- 0.2, 0.7 +- 0.1), and B has z = (0.6 +- 0.1, 0.3 +- 0.1), where z is normalised as in
`scalarization`. One draw from these beliefs may be A = (0.2, 0.8) and B = (0.6, 0.3). The drawn scales u = (0.5, 1.0)
give A the score 0.8 and B the score 1.2, so A is proposed. Next time both draws differ. A configuration about which
little is known is sometimes drawn far better than its mean, and then it is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal

import numpy as np

from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.models.encoding import encode
from sparse_mcu.search.strategies.models.surrogate import GaussianProcesses
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.strategies.proposing import done, is_affordable, keeps, propose_with, sobol_choice
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.strategies.sparse.narrowing import narrowed, without_pruning
from sparse_mcu.search.strategies.sparse.scalarization import Normalization, draw_scalarization
from sparse_mcu.search.study.trial import Proposal, Trial

_LEAST_OBSERVATIONS = 2


@dataclass(frozen=True, slots=True)
class SparseStrategy:
    """Proposes configurations by the published method. The numbers of trials suit a study of some 150.

    Attributes:
        problem: What the study searches for.
        initial: The number of trials from a Sobol sequence, before any model is fitted.
        narrow_from: The trial with which the second stage begins.
        morph_from: The trial with which the third stage begins.
        random_pool: The number of random configurations in the pool that a proposal is chosen from.
        local_pool: The most configurations in the pool that are one move away from the Pareto front, rounded up to a
            multiple of the size of the front.
        acquisition: "thompson" draws functions, "ucb" takes optimistic values. "none" chooses from the pool at random,
            to show what the models are worth.
        boldness: With "thompson" the share of the posterior's spread in a draw; 1 is a fair draw. With "ucb" the number
            of standard deviations below the mean. 0.3 was chosen on thin evidence (digits, six epochs, 24 trials).
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    initial: int = 8
    narrow_from: int = 60
    morph_from: int = 100
    random_pool: int = 256
    local_pool: int = 256
    acquisition: Literal["thompson", "ucb", "none"] = "thompson"
    boldness: float = 0.3
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a configuration that no earlier trial has; None if there is none.

        It is random if a Sobol point repeats an earlier trial or exceeds a limit, or if fewer than two trials
        succeeded.
        """

        def choose(taken: set[Configuration], rng: np.random.Generator) -> Proposal | None:
            if number < len(self.problem.start) + self.initial:
                point = sobol_choice(self.problem, number, filtered=self.filtered)
                return None if point is None else Proposal(configuration=point)
            known = done(history)
            return self._optimise(number, known, taken, rng) if len(known) >= _LEAST_OBSERVATIONS else None

        return propose_with(self.problem, number, history, choose, filtered=self.filtered)

    def _optimise(
        self,
        number: int,
        known: Sequence[tuple[Trial, Objectives]],
        taken: set[Configuration],
        rng: np.random.Generator,
    ) -> Proposal | None:
        """Chooses from a pool by a random scalarisation; returns None if nothing of it is affordable.

        The Pareto front is here that of all complete trials, even of those that do not fit or exceed a limit.
        """
        names = self.problem.modelled
        logs = to_log([objectives.values(names) for _, objectives in known], names)
        best = non_dominated(logs[:, : len(self.problem.objectives)])
        normalize = Normalization.of(logs[best])
        limits = normalize(to_log(self.problem.bounds.values(names), names))
        pool = [
            each
            for each in self._pool(number, list(compress((t for t, _ in known), best)), rng)
            if each.configuration not in taken
        ]
        if not pool:
            return None
        if self.acquisition == "none":
            order = rng.permutation(len(pool))
        else:
            surrogate = GaussianProcesses(self._encode([trial.configuration for trial, _ in known]), logs)
            values = self._believed(surrogate, self._encode([each.configuration for each in pool]), rng)
            score = draw_scalarization(rng, limits, len(self.problem.objectives), self._weights(rng))
            order = score(normalize(values)).argsort(kind="stable")
        fit = (pool[row] for row in order if not self.filtered or is_affordable(self.problem, pool[row].configuration))
        return next(fit, None)

    def _believed(self, surrogate: GaussianProcesses, points: Array, rng: np.random.Generator) -> Array:
        """Returns believable logarithmic objectives at points [n, k]."""
        if self.acquisition == "thompson":
            return surrogate.sample(points, int(rng.integers(2**31)), self.boldness)
        means, deviations = surrogate.predict(points)
        return means - self.boldness * deviations

    def _weights(self, rng: np.random.Generator) -> Array:
        preferred = self.problem.preferences
        return np.array(
            [rng.uniform(*preferred[name]) if name in preferred else 1.0 for name in self.problem.objectives]
        )

    def _pool(self, number: int, front: Sequence[Trial], rng: np.random.Generator) -> list[Proposal]:
        """Draws the pool of a stage. What surely is too large by its shapes alone is left out."""
        space = self.problem.space
        share = -(-self.local_pool // len(front))
        if number >= self.morph_from:
            return self._near(front, space, rng, share, is_morph=True)
        stage = without_pruning(space)
        if number >= self.narrow_from:
            stage = narrowed(stage, [trial.configuration for trial in front])
        drawn = dict.fromkeys(space.canonical(stage.sample(rng)) for _ in range(self.random_pool))
        pool = [Proposal(configuration=each) for each in drawn if self._may_keep(each)]
        return pool + self._near(front, stage, rng, share, is_morph=False)

    def _near(
        self, front: Sequence[Trial], space: Space, rng: np.random.Generator, share: int, *, is_morph: bool
    ) -> list[Proposal]:
        """Returns networks one move away from those of the front; a morph names its parent."""
        return [
            Proposal(configuration=self.problem.space.canonical(each), parent=trial.number if is_morph else None)
            for trial in front
            for each in neighbours(trial.configuration, space, rng, share)
            if self._may_keep(each)
        ]

    def _may_keep(self, configuration: Configuration) -> bool:
        return not self.filtered or keeps(self.problem, configuration, "shape")

    def _encode(self, configurations: Sequence[Configuration]) -> Array:
        return np.stack([encode(configuration, self.problem.space) for configuration in configurations])
