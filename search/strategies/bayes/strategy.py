"""Which configuration to try next: stratified random ones first, then Bayesian optimisation.

A proposal is a function of seed, trial number and history alone, so that a study that was interrupted
goes on as if it had not been.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import torch

from sparse_mcu.search.evaluation.objectives import Bounds, Objectives
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import DIMENSIONS, Space
from sparse_mcu.search.strategies.bayes.encoding import encode
from sparse_mcu.search.strategies.bayes.scalarization import Normalization, draw_scalarization, to_log
from sparse_mcu.search.strategies.bayes.surrogate import BOLDNESS, GaussianProcesses, Surrogate
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.study.settings import StrategySettings
from sparse_mcu.search.study.trial import Trial

NAME = "bayes"

_LEAST_OBSERVATIONS = 2
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Strategy:
    """Proposes configurations.

    Attributes:
        space: Where they come from.
        bounds: The user's limits.
        seed: Of the study.
        initial: Trials that are drawn from a Sobol sequence before any model is trusted.
        random_pool: Random configurations among which a proposal is chosen.
        local_pool: Neighbours of the Pareto front among them, at most.
    """

    space: Space
    bounds: Bounds
    seed: int
    initial: int = 8
    random_pool: int = 256
    local_pool: int = 256

    @property
    def settings(self) -> StrategySettings:
        """What a study records of the strategy."""
        parameters = {
            "initial": self.initial,
            "random_pool": self.random_pool,
            "local_pool": self.local_pool,
            "boldness": BOLDNESS,
        }
        return StrategySettings(name=NAME, parameters=parameters)

    def propose(self, number: int, history: Sequence[Trial]) -> Configuration | None:
        """The configuration of trial `number`, none that `history` has already.

        Args:
            number: Of the trial.
            history: All trials before it, in any state, in order.

        Returns:
            The configuration; None if the space is exhausted, so far as a thousand random draws tell.
        """
        rng = np.random.default_rng([self.seed, number])
        tried = {trial.configuration for trial in history}
        done = [(each.configuration, each.result.objectives) for each in history if isinstance(each.result, Success)]
        proposal: Configuration | None = None
        if number < self.initial:
            proposal = self.space.decode(_sobol_point(self.seed, number))
        elif len(done) >= _LEAST_OBSERVATIONS:
            proposal = self._optimise(done, tried, rng)
        return self._new(tried, rng) if proposal is None or proposal in tried else proposal

    def _new(self, tried: set[Configuration], rng: np.random.Generator) -> Configuration | None:
        """The first random configuration that was not tried; None if there is none among many."""
        drawn = (self.space.sample(rng) for _ in range(_DRAWS))
        return next((configuration for configuration in drawn if configuration not in tried), None)

    def _optimise(
        self, done: Sequence[tuple[Configuration, Objectives]], tried: set[Configuration], rng: np.random.Generator
    ) -> Configuration | None:
        """Thompson sampling on a random scalarisation of the posteriors; None if every candidate was tried."""
        configurations = [configuration for configuration, _ in done]
        logs = to_log([objectives.values for _, objectives in done])
        best = non_dominated(logs)
        normalize = Normalization.of(logs[best])
        limits = normalize(to_log(self.bounds.values))
        pool = self._pool(list(compress(configurations, best)), tried, rng)
        if not pool:
            return None
        points, candidates = self._encode(configurations), self._encode(pool)
        surrogate: Surrogate = GaussianProcesses(points, logs)
        drawn = surrogate.sample(candidates, int(rng.integers(2**31)))
        scores = draw_scalarization(rng, limits)(normalize(drawn))
        return pool[int(scores.argmin())]

    def _pool(
        self, front: Sequence[Configuration], tried: set[Configuration], rng: np.random.Generator
    ) -> list[Configuration]:
        pool = dict.fromkeys(self.space.sample(rng) for _ in range(self.random_pool))
        share = -(-self.local_pool // len(front))
        for configuration in front:
            pool.update(dict.fromkeys(neighbours(configuration, self.space, rng, share)))
        return [configuration for configuration in pool if configuration not in tried]

    def _encode(self, configurations: Sequence[Configuration]) -> Array:
        return np.stack([encode(configuration, self.space) for configuration in configurations])


def _sobol_point(seed: int, number: int) -> npt.NDArray[np.float64]:
    engine = torch.quasirandom.SobolEngine(DIMENSIONS, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    point: npt.NDArray[np.float64] = engine.draw(number + 1, dtype=torch.float64)[-1].numpy()
    return point
