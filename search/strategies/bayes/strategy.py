"""Proposes the next configuration: points of a Sobol sequence first, then Bayesian optimisation.

A proposal follows from the seed, the trial's number and the earlier trials alone. So a study that was interrupted goes
on as if it had not been.

Costs are known before training (`sparse_mcu.search.evaluation.pricing`). So no network is proposed that surely exceeds
a limit or the board's memories, unless the user asked for it by `--start`.

Example of a proposal by Thompson sampling, with a pool of two configurations and two objectives. The Gaussian processes
believe that A has z = (0.3 +- 0.2, 0.7 +- 0.1), and B has z = (0.6 +- 0.1, 0.3 +- 0.1), where z is normalised as in
`scalarization`. One draw from these beliefs may be A = (0.2, 0.8) and B = (0.6, 0.3). The drawn scales u = (0.5, 1.0)
give A the score 0.8 and B the score 1.2, so A is proposed. Next time both draws differ. A configuration about which
little is known is sometimes drawn far better than its mean, and then it is tried.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import torch

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, KINDS, Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.moves import neighbours
from sparse_mcu.search.space.space import Space
from sparse_mcu.search.strategies.bayes.encoding import encode
from sparse_mcu.search.strategies.bayes.scalarization import Normalization, draw_scalarization, to_log
from sparse_mcu.search.strategies.bayes.surrogate import BOLDNESS, GaussianProcesses, Surrogate
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.study.settings import StrategySettings
from sparse_mcu.search.study.trial import Trial

NAME = "bayes"

_LEAST_OBSERVATIONS = 2
_NEAR_A_LIMIT = 0.85
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Strategy:
    """Proposes configurations.

    Attributes:
        space: The space of the configurations.
        bounds: The limits: the user's, and the sizes of the board's memories.
        seed: The study's seed.
        start: The user's own networks in canonical form. They are the first trials.
        initial: The number of trials after them that come from a Sobol sequence, before any model is fitted.
        random_pool: The number of random configurations in the pool that a proposal is chosen from.
        local_pool: The most configurations in the pool that are one move away from the Pareto front, rounded up to a
            multiple of the size of the front.
        objectives: The names of the objectives that are minimised.
        price: What says the costs of a configuration before it is trained; None if nothing does.
        priced_pool: How many of the best configurations of the pool get exact sizes before one is chosen.
    """

    space: Space
    bounds: Bounds
    seed: int
    start: tuple[Configuration, ...] = ()
    initial: int = 8
    random_pool: int = 256
    local_pool: int = 256
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    price: Callable[[Configuration, Level], Price] | None = None
    priced_pool: int = 32

    @property
    def ahead(self) -> int:
        """Returns how many trials depend on no results: those of the start and of the Sobol sequence."""
        return len(self.start) + self.initial

    @property
    def settings(self) -> StrategySettings:
        """Returns what a study records of the strategy."""
        parameters = {
            "initial": self.initial,
            "random_pool": self.random_pool,
            "local_pool": self.local_pool,
            "priced_pool": self.priced_pool,
            "boldness": BOLDNESS,
        }
        return StrategySettings(name=NAME, parameters=parameters)

    def propose(self, number: int, history: Sequence[Trial]) -> Configuration | None:
        """Returns a configuration for trial `number` that no earlier trial has.

        It is random if a Sobol point repeats an earlier trial or exceeds a limit, or if fewer than two trials
        succeeded.

        Args:
            number: The trial's number.
            history: All earlier trials in order, in any state.

        Returns:
            The configuration; None if a thousand random draws find none that is new and keeps the limits.
        """
        rng = np.random.default_rng([self.seed, number])
        tried = {self.space.canonical(trial.configuration) for trial in history}
        done = [(each.configuration, each.result.objectives) for each in history if isinstance(each.result, Success)]
        proposal: Configuration | None = None
        if number < len(self.start):
            proposal = self.start[number]
        elif number < self.ahead:
            point = self.space.decode(_sobol_point(self.space.dimensions, self.seed, number - len(self.start)))
            proposal = point if self._is_affordable(point) else None
        elif len(done) >= _LEAST_OBSERVATIONS:
            proposal = self._optimise(done, tried, rng)
        return self._new(tried, rng) if proposal is None or proposal in tried else proposal

    def _new(self, tried: set[Configuration], rng: np.random.Generator) -> Configuration | None:
        """Returns the first random configuration that is new and affordable; None if a thousand draws give none."""
        drawn = (self.space.sample(rng) for _ in range(_DRAWS))
        return next((each for each in drawn if each not in tried and self._is_affordable(each)), None)

    def _keeps(self, configuration: Configuration, level: Level) -> bool:
        """Returns whether a configuration exceeds no limit for certain, as far as a level of prices knows."""
        return self.price is None or not self.price(configuration, level).exceeded(self.bounds)

    def _is_affordable(self, configuration: Configuration) -> bool:
        """Returns whether a configuration exceeds no limit for certain. It is built only if it comes near to one."""
        if not (self._keeps(configuration, "shape") and self._keeps(configuration, "plan")):
            return False
        return not self._is_near_a_limit(configuration) or self._keeps(configuration, "build")

    def _is_near_a_limit(self, configuration: Configuration) -> bool:
        if self.price is None or configuration.pruning is not None:
            return False
        names = [name for name in ("ram_bytes", "flash_bytes") if name in self.bounds.names]
        costs = self.price(configuration, "plan").objectives.values(names)
        limits = self.bounds.values(names)
        return any(cost > _NEAR_A_LIMIT * limit for cost, limit in zip(costs, limits, strict=True))

    def _optimise(
        self, done: Sequence[tuple[Configuration, Objectives]], tried: set[Configuration], rng: np.random.Generator
    ) -> Configuration | None:
        """Chooses from a pool by Thompson sampling and a random scalarisation; returns None if nothing is affordable.

        The Pareto front is here that of all successful trials, even of those that do not fit or exceed a limit.
        """
        configurations = [configuration for configuration, _ in done]
        logs = to_log([objectives.values(self._modelled) for _, objectives in done], self._modelled)
        best = non_dominated(logs[:, : len(self.objectives)])
        normalize = Normalization.of(logs[best])
        limits = normalize(to_log(self.bounds.values(self._modelled), self._modelled))
        pool = self._pool(list(compress(configurations, best)), tried, rng)
        if not pool:
            return None
        points, candidates = self._encode(configurations), self._encode(pool)
        surrogate: Surrogate = GaussianProcesses(points, logs)
        drawn = surrogate.sample(candidates, int(rng.integers(2**31)))
        score = draw_scalarization(rng, limits, len(self.objectives))
        order = score(normalize(drawn)).argsort(kind="stable")
        ranked = self._repriced([pool[each] for each in order], drawn[order], lambda logs: score(normalize(logs)))
        return next((each for each in ranked if self._is_affordable(each)), None)

    def _repriced(
        self, pool: Sequence[Configuration], drawn: Array, score: Callable[[Array], Array]
    ) -> Iterator[Configuration]:
        """Yields a ranked pool, each `priced_pool` configurations ranked anew after their sizes were found out.

        Exact sizes take the place of drawn ones, unless the network will be pruned. Times stay drawn, because the
        processes learn them from the study's own trials better than the kernels' cost models know them.

        Args:
            pool: The configurations, best first.
            drawn: Their logarithmic objectives, [n, k].
            score: What ranks them; smaller is better.
        """
        names = self._modelled
        sizes = [k for k, name in enumerate(names) if KINDS[name].unit == "B"]
        for first in range(0, len(pool), self.priced_pool):
            part, logs = pool[first : first + self.priced_pool], drawn[first : first + self.priced_pool].copy()
            for row, each in enumerate(part):
                if self.price is not None and each.pruning is None:
                    costs = self.price(each, "plan").objectives.values([names[k] for k in sizes])
                    logs[row, sizes] = to_log(costs, [names[k] for k in sizes])
            yield from (part[each] for each in score(logs).argsort(kind="stable"))

    @property
    def _modelled(self) -> tuple[str, ...]:
        """Returns the objectives that are minimised, then those that only have a limit."""
        return (*self.objectives, *(name for name in self.bounds.names if name not in self.objectives))

    def _pool(
        self, front: Sequence[Configuration], tried: set[Configuration], rng: np.random.Generator
    ) -> list[Configuration]:
        """Draws random configurations and neighbours of the front; leaves out what was tried or surely is too large."""
        pool = dict.fromkeys(self.space.sample(rng) for _ in range(self.random_pool))
        share = -(-self.local_pool // len(front))
        for configuration in front:
            pool.update(dict.fromkeys(neighbours(configuration, self.space, rng, share)))
        return [each for each in pool if each not in tried and self._keeps(each, "shape")]

    def _encode(self, configurations: Sequence[Configuration]) -> Array:
        return np.stack([encode(configuration, self.space) for configuration in configurations])


def _sobol_point(dimensions: int, seed: int, number: int) -> npt.NDArray[np.float64]:
    """Returns a point of a scrambled Sobol sequence in the unit cube [dimensions]."""
    engine = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    point: npt.NDArray[np.float64] = engine.draw(number + 1, dtype=torch.float64)[-1].numpy()
    return point
