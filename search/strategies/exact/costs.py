"""Says what networks cost, before they are trained. All objectives are costs, except the errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparse_mcu.search.evaluation.objectives import KINDS, Objectives, is_trained
from sparse_mcu.search.evaluation.pricing import Level
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.strategies.exact.points import features_of
from sparse_mcu.search.strategies.models.encoding import encode
from sparse_mcu.search.strategies.models.surrogate import GaussianProcesses
from sparse_mcu.search.strategies.pareto import Array
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.scales import to_log

_RIDGE = 1e-2
_MOST_LOG = 10.0
_LEAST_TRIALS = 3


@dataclass(frozen=True, eq=False)
class Costs:
    """The known objectives of networks, on logarithmic scales.

    What the planner does not know exactly (stack, code, cycles, what pruning leaves) is corrected by the complete
    trials: by the median of ln(cost of the trial) - ln(what its plan predicted).

    Attributes:
        problem: What the study searches for.
        done: The configurations of the complete trials.
        objectives: Their objectives.
        are_exact: Whether plans are made. Otherwise, or if the problem has no prices, Gaussian processes over the
            complete trials predict costs, as they do the error.
    """

    problem: Problem
    done: Sequence[Configuration]
    objectives: Sequence[Objectives]
    are_exact: bool = True

    @cached_property
    def names(self) -> list[str]:
        """Returns the costs that are minimised or have a limit."""
        return [name for name in self.problem.modelled if not is_trained(name)]

    @cached_property
    def told(self) -> Array:
        """Returns the costs of the complete trials [n, k]."""
        return to_log([each.values(self.names) for each in self.objectives], self.names)

    def estimated(self, configurations: Sequence[Configuration]) -> Array:
        """Returns about what networks cost [m, k], without a plan."""
        if not self._is_priced:
            return self._processes.predict(np.stack([encode(each, self.problem.space) for each in configurations]))[0]
        return np.maximum(self._inputs(configurations) @ self._regression, self._least(configurations))

    def exact(self, configurations: Sequence[Configuration]) -> Array:
        """Returns what networks cost [m, k], by their plans."""
        if not self._is_priced:
            return self.estimated(configurations)
        corrections = [self._corrections(is_pruned=each.pruning is not None)[0] for each in configurations]
        return self._planned(configurations, "plan") + np.stack(corrections)

    def at_least(self, configuration: Configuration, level: Level) -> dict[str, float] | None:
        """Returns what a network costs at least, by the name of the objective; None if no price says it.

        Bytes of linked firmware are exact. What is predicted is reduced by the standard deviation of the corrections.
        """
        if not self._is_priced or configuration.pruning is not None:
            return None
        is_exact = [level in ("build", "run") and KINDS[name].unit == "B" for name in self.names]
        correction, deviation = self._corrections(is_pruned=False)
        logs = self._planned([configuration], level)[0] + np.where(is_exact, 0.0, correction - deviation)
        return dict(zip(self.names, np.exp(logs).tolist(), strict=True))

    @property
    def _is_priced(self) -> bool:
        return self.are_exact and self.problem.price is not None

    def _planned(self, configurations: Sequence[Configuration], level: Level) -> Array:
        price = self.problem.price
        if price is None:
            raise TypeError("the problem has no prices")
        return to_log([price(each, level).objectives.values(self.names) for each in configurations], self.names)

    def _corrections(self, *, is_pruned: bool) -> tuple[Array, Array]:
        """Returns median and standard deviation of ln(cost) - ln(predicted cost) of trials that were pruned, or not."""
        rows = [row for row, each in enumerate(self.done) if (each.pruning is not None) == is_pruned]
        if len(rows) < _LEAST_TRIALS:
            return np.zeros(len(self.names)), np.zeros(len(self.names))
        return np.median(self._surprises[rows], axis=0), self._surprises[rows].std(axis=0)

    @cached_property
    def _surprises(self) -> Array:
        return np.asarray(self.told - self._planned(self.done, "plan"))

    def _least(self, configurations: Sequence[Configuration]) -> Array:
        price = self.problem.price
        if price is None:
            raise TypeError("the problem has no prices")
        least = [[price(each, "shape").least.get(name, 0.0) for name in self.names] for each in configurations]
        return to_log(least, self.names)

    def _inputs(self, configurations: Sequence[Configuration]) -> Array:
        """Returns what estimates of costs are linear in: 1, the features, and what the shapes say [m, d]."""
        features = np.stack([features_of(each, self.problem.space) for each in configurations])
        least = np.maximum(self._least(configurations), 0.0) / _MOST_LOG
        return np.hstack([np.ones((len(features), 1)), features, least])

    @cached_property
    def _regression(self) -> Array:
        inputs = self._inputs(self.done)
        penalty = _RIDGE * np.eye(inputs.shape[1])
        penalty[0, 0] = 0.0
        return np.asarray(np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ self.told))

    @cached_property
    def _processes(self) -> GaussianProcesses:
        return GaussianProcesses(np.stack([encode(each, self.problem.space) for each in self.done]), self.told)
