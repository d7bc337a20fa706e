"""Makes one proposal of the default strategy: it draws a pool, ranks it, and plans the best of it.

The docstring of `sparse_mcu.search.strategies.exact.strategy` lists the steps.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.evaluation.objectives import is_trained
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.strategies.exact.errors import ErrorModel, Observations
from sparse_mcu.search.strategies.exact.improvement import draw_direction
from sparse_mcu.search.strategies.exact.morphing import improved_when_told, morph, move_shares, parent_weights
from sparse_mcu.search.strategies.exact.ranking import Belief, Frame, Score
from sparse_mcu.search.strategies.pareto import Array, non_dominated
from sparse_mcu.search.strategies.proposing import done, is_affordable, keeps
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.trial import Proposal, Trial

if TYPE_CHECKING:
    from sparse_mcu.search.strategies.exact.strategy import ExactStrategy

_DIRECTIONS = 16
_BATCHES = 4
_LEAST_GAIN = 1e-9


class Choice:
    """One proposal in the making.

    Args:
        strategy: The parameters.
        history: All earlier trials, at least four of them complete.
        taken: The configurations that were tried.
        rng: The source of all draws.
    """

    def __init__(
        self,
        strategy: "ExactStrategy",
        history: Sequence[Trial],
        taken: set[Configuration],
        rng: np.random.Generator,
    ) -> None:
        self._strategy, self._problem, self._rng = strategy, strategy.problem, rng
        self._taken = {self._without_levers(each) for each in taken}
        self._trials = [trial for trial, _ in done(history)]
        self._costs, bounds = strategy.costs(history), strategy.bounds(history)
        names, objectives = strategy.objectives, [each for _, each in done(history)]
        self._minimised = [self._costs.names.index(name) for name in strategy.minimised_costs]
        self._error_at = next((k for k, name in enumerate(names) if is_trained(name)), None)
        error = next((name for name in (*names, *bounds.names) if is_trained(name)), None)
        self._error_limit = float(to_log(bounds.values([error]), [error])[0]) if error else np.inf
        self._values = to_log([each.values(names) for each in objectives], names)
        self._model: ErrorModel | None = None
        if error is not None:
            observed = Observations.of(history, error, self._problem.images, strategy.seed_noise)
            self._model = ErrorModel(
                observed, self._problem.space, is_noise_known=strategy.known_noise, has_trend=strategy.trend
            )
            if self._error_at is not None:
                self._values[:, self._error_at] = self._model.smoothed(len(self._values))
        self._is_within = np.array([bounds.allow(each) for each in objectives])
        limits = to_log(bounds.values(names), names)
        self._frame = Frame.of(self._values[self._members], limits, strategy.reference)
        running = [trial.configuration for trial in history if trial.result is None]
        self._incumbents = np.concatenate([self._values[self._is_within], self._imagined(running)])

    def best(self) -> Proposal | None:
        """Returns the best affordable proposal of a pool; None if there is none among those that get planned."""
        pool = self._pool()
        if not pool:
            return None
        belief = self._belief([each.configuration for each in pool])
        estimated = self._costs.estimated([each.configuration for each in pool])[:, self._minimised]
        worth = self._worth(pool)
        score, scores = self._direct(belief, estimated)
        order, size = np.argsort(-scores * worth, kind="stable"), self._strategy.planned
        for first in range(0, min(len(order), _BATCHES * size), size):
            rows = order[first : first + size]
            if self._minimised:
                costs = self._costs.exact([pool[row].configuration for row in rows])[:, self._minimised]
                rows = rows[np.argsort(-score(belief[rows], costs) * worth[rows], kind="stable")]
            for proposal in (pool[int(row)] for row in rows):
                for each in self._ways(proposal):
                    if not self._strategy.filtered or is_affordable(self._problem, each.configuration):
                        return each
        return None

    def _ways(self, proposal: Proposal) -> Sequence[Proposal]:
        """Returns a proposal, and before it the same network without levers if these can only help it to fit."""
        bare = self._without_levers(proposal.configuration)
        is_bare = bare == proposal.configuration
        return [proposal] if is_bare else [proposal.model_copy(update={"configuration": bare}), proposal]

    def _without_levers(self, configuration: Configuration) -> Configuration:
        """Returns what decides the objectives: if no cost is minimised, the network without its levers."""
        return configuration if self._strategy.minimised_costs else configuration.without_levers

    @property
    def _members(self) -> npt.NDArray[np.intp]:
        """Returns the indices of the complete trials within the limits; of all complete trials if there are none."""
        return np.flatnonzero(self._is_within | ~self._is_within.any())

    def _imagined(self, running: Sequence[Configuration]) -> Array:
        """Returns believed objectives of trials that are still running [m, k]."""
        values = np.empty((len(running), len(self._strategy.objectives)))
        if not running or self._strategy.running == "ignored":
            return values[:0]
        costs = [k for k in range(values.shape[1]) if k != self._error_at]
        values[:, costs] = self._costs.exact(running)[:, self._minimised]
        if self._model is not None:
            errors = self._model.imagine(running, self._strategy.running, self._seed())
            if self._error_at is not None:
                values[:, self._error_at] = errors
        return values

    def _belief(self, configurations: Sequence[Configuration]) -> Belief:
        if self._model is None:
            return Belief.of_nothing(len(configurations))
        return self._model.believe(configurations, self._seed(), self._error_limit)

    def _worth(self, pool: Sequence[Proposal]) -> Array:
        """Returns what a score counts for [n]: an improvement by pruning counts by the time that it takes.

        Limits hardly restrict networks that will be pruned, so these may also be large. One with twice the
        multiply-accumulates of the median trial takes twice as long.
        """
        if self._strategy.acquisition != "improvement":
            return np.ones(len(pool))
        usual = float(np.median([self._macs(trial.configuration) for trial in self._trials]))
        pruned = [each.configuration if each.configuration.pruning is not None else None for each in pool]
        times = [
            1.0 if each is None else self._strategy.pruning_time * max(1.0, self._macs(each) / usual) for each in pruned
        ]
        return 1 / np.array(times)

    def _macs(self, configuration: Configuration) -> int:
        return build_architecture(configuration, self._problem.space.task).macs

    def _direct(self, belief: Belief, costs: Array) -> tuple[Score, Array]:
        """Draws directions until something of the pool promises a gain in one, and scores the pool in it."""
        for _ in range(_DIRECTIONS):
            score = self._score()
            scores = score(belief, costs)
            if self._strategy.acquisition != "improvement" or scores.max() > _LEAST_GAIN:
                break
        return score, scores

    def _score(self) -> Score:
        direction = draw_direction(self._rng, self._strategy.weights(self._rng))
        return Score(
            frame=self._frame,
            direction=direction,
            error_at=self._error_at,
            best=float(self._frame.terms(self._incumbents, direction).min(axis=1).max(initial=0.0)),
            kind=self._strategy.acquisition,
            boldness=self._strategy.boldness,
        )

    def _pool(self) -> list[Proposal]:
        """Draws random configurations and morphs of the front. What was tried or surely is too large is left out."""
        space, rng = self._problem.space, self._rng
        found: dict[Configuration, Proposal] = {}  # by what decides the objectives
        count = round(self._strategy.pool * self._strategy.global_share)
        for configuration in (space.sample(rng) for _ in range(count)):
            found[self._without_levers(configuration)] = Proposal(configuration=configuration)
        parents, weights, shares = self._parents(), self._rarity(), self._shares()
        for row in rng.choice(len(parents), size=self._strategy.pool - count, p=weights):
            made = morph(parents[row].configuration, parents[row].number, space, shares, rng)
            if made is not None:
                kept = made if self._strategy.inheriting else made.model_copy(update={"parent": None})
                found.setdefault(self._without_levers(made.configuration), kept)
        return [
            each
            for network, each in found.items()
            if network not in self._taken
            and not (self._strategy.filtered and not keeps(self._problem, each.configuration, "shape"))
        ]

    def _front(self) -> npt.NDArray[np.intp]:
        """Returns the indices of the complete trials that are on the front."""
        return self._members[non_dominated(self._values[self._members])]

    def _parents(self) -> list[Trial]:
        return [self._trials[row] for row in self._front()]

    def _rarity(self) -> Array:
        scaled = (self._values[self._front()] - self._frame.reference) / self._frame.width
        costs = [k for k in range(scaled.shape[1]) if k != self._error_at]
        return parent_weights(scaled[:, costs], is_rarity_preferred=self._strategy.rare_parents)

    def _shares(self) -> dict[str, float]:
        if not self._strategy.adapted_moves:
            return move_shares([])
        outcomes = zip((trial.moves for trial in self._trials), improved_when_told(self._values), strict=True)
        return move_shares(list(outcomes))

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))
