"""Proposes with costs that are known before training: only the error is uncertain.

If a study minimises `float_error` besides `error`, proposals look at `error` alone. The two differ by what quantisation
does, which is little.

A proposal is made in six steps.

1. A Gaussian process is fitted to the errors of the complete trials, with their known noise. Trials that were stopped
   count with the error that their rung foretells. Trials that are still running count with an error that is drawn.
2. A pool is drawn: most of it one or two moves away from members of the front, the rest at random. What exceeds a limit
   by its shapes alone is left out.
3. A direction lambda is drawn. It turns objectives into one number (`sparse_mcu.search.strategies.exact.improvement`).
4. The pool is ranked by the expected improvement of that number, with costs that are estimated from the shapes.
5. The best of the pool are planned, which gives exact costs, and are ranked again. This is left out if no cost is
   minimised.
6. The first of them that keeps the limits is proposed, with the rung at which it may be stopped
   (`sparse_mcu.search.strategies.exact.stopping`).

docs/search.md has an example with numbers. Every idea is a parameter, so that benchmarks/strategies.py can take it
away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import is_trained
from sparse_mcu.search.evaluation.pricing import Level
from sparse_mcu.search.evaluation.result import Rung
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.strategies.exact.choice import Choice
from sparse_mcu.search.strategies.exact.costs import Costs
from sparse_mcu.search.strategies.exact.errors import Running
from sparse_mcu.search.strategies.exact.ranking import Acquisition, Reference, useful_error
from sparse_mcu.search.strategies.exact.stopping import rung_of
from sparse_mcu.search.strategies.exact.typical import typical
from sparse_mcu.search.strategies.pareto import Array
from sparse_mcu.search.strategies.proposing import done, fresh, is_affordable, propose_with, simple, sobol_choice
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.study.trial import Proposal, Trial

_LEAST_OBSERVATIONS = 4


@dataclass(frozen=True, slots=True)
class ExactStrategy:
    """Proposes configurations by known costs and a model of the error.

    Attributes:
        problem: What the study searches for.
        initial: The number of trials before any model is fitted. They are drawn from a Sobol sequence.
        simple_start: Whether these are simple networks. Otherwise they are any networks of the space.
        typical_start: Whether every other one of these is a typical network, as long as there are such.
        pool: The number of configurations that a proposal is chosen from.
        global_share: The share of the pool that is random; the rest are morphs of the front.
        planned: How many of the best get exact costs at once.
        exact_costs: Whether costs come from plans. Otherwise Gaussian processes model them.
        filtered: Whether nothing is proposed that surely exceeds a limit.
        known_noise: Whether the model of the error knows the noise of its observations. Otherwise it fits one.
        seed_noise: The standard deviation of ln(error) between trainings with different seeds.
        trend: Whether the model of the error follows trends beyond what was observed.
        acquisition: What ranks the pool: "improvement", "thompson" or "ucb".
        boldness: The deviations that "ucb" counts on.
        pruning_time: How many trials without pruning take as long as one with it. "improvement" counts by this time,
            and more for larger networks. On mnist5k, eight trials took a median of 44 s with pruning, and 3.5 s of
            these without its stage. With twice the epochs, one took 142 s, and 8 s of these without it.
        reference: Where hypervolume begins: at the "limits" where there are some, or at the front's "nadir".
        forgetting: Whether there is a limit on the error where the user sets none: networks count for nothing whose
            error is nearer to that of guessing than to the best one (`ranking.useful_error`).
        balanced: Whether the error matters as much as all costs together, since costs mostly rise and fall together.
            Otherwise each objective matters as much as any other. Preferences come on top.
        rare_parents: Whether members of the front with few others at similar costs are morphed more often.
        adapted_moves: Whether moves that improved the front are used more often.
        inheriting: Whether morphs name their parent, so that their training begins with its weights and is shorter.
        running: How trials count that are still running: with "drawn" errors, with their "mean", or "ignored".
        rung: The share of the training after which a trial may be stopped.
        early_stopping: Whether a trial is stopped there, if the front dominates it at its own costs.
        settled: At which level of prices these costs are found out.
    """

    problem: Problem
    initial: int = 8
    simple_start: bool = True
    typical_start: bool = True
    pool: int = 200
    global_share: float = 0.2
    planned: int = 16
    exact_costs: bool = True
    filtered: bool = True
    known_noise: bool = True
    seed_noise: float = 0.15
    trend: bool = True
    acquisition: Acquisition = "improvement"
    boldness: float = 1.0
    pruning_time: float = 16.0
    reference: Reference = "limits"
    forgetting: bool = True
    balanced: bool = True
    rare_parents: bool = True
    adapted_moves: bool = True
    inheriting: bool = True
    running: Running = "drawn"
    rung: float = 0.25
    early_stopping: bool = True
    settled: Level = "build"

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a new configuration that keeps the limits as far as they are known; None if there is none."""

        def choose(taken: set[Configuration], rng: np.random.Generator) -> Proposal | None:
            if number < len(self.problem.start) + self.initial:
                first = self._first(number, taken, rng)
                return None if first is None else Proposal(configuration=first)
            known = done(history)
            if len(known) < _LEAST_OBSERVATIONS:
                return None
            return Choice(self, history, taken, rng).best()

        proposal = propose_with(self.problem, number, history, choose, filtered=self.filtered)
        return None if proposal is None else self._with_rung(proposal, history)

    def _first(self, number: int, taken: set[Configuration], rng: np.random.Generator) -> Configuration | None:
        """Returns one of the configurations before any model is fitted."""
        index, is_typical = divmod(number - len(self.problem.start), 2)
        if is_typical and self.typical_start:
            known = self._typical()
            if index < len(known) and known[index] not in taken:
                return known[index]
        space = simple(self.problem.space) if self.simple_start else self.problem.space
        part = replace(self.problem, space=space)
        return sobol_choice(part, number, filtered=self.filtered) or fresh(part, taken, rng, filtered=self.filtered)

    def _typical(self) -> list[Configuration]:
        """Returns typical networks: as large as the limits allow, or small ones if there are costs to minimise."""
        return typical(
            self.problem.space,
            lambda each: not self.filtered or is_affordable(self.problem, each),
            are_small=bool(self.minimised_costs),
        )

    def _with_rung(self, proposal: Proposal, history: Sequence[Trial]) -> Proposal:
        """Returns a proposal with the rung at which its training may end."""
        if not self.early_stopping or [*filter(is_trained, self.problem.objectives)] != ["error"]:
            return proposal
        known = done(history)
        is_early = len(known) < _LEAST_OBSERVATIONS
        costs = None if is_early else self._least_costs(proposal.configuration, history)
        if costs is None:
            return proposal.model_copy(update={"rungs": (Rung(share=self.rung),)})
        rung = rung_of(self.rung, costs, history, self.bounds(history), may_inherit=proposal.parent is not None)
        return proposal.model_copy(update={"rungs": (rung,)})

    def _least_costs(self, configuration: Configuration, history: Sequence[Trial]) -> dict[str, float] | None:
        """Returns the least values of the costs that are minimised; None if they are not known before training."""
        if not self.minimised_costs:
            return None if configuration.pruning is not None else {}
        least = self.costs(history).at_least(configuration, self.settled)
        return None if least is None else {name: least[name] for name in self.minimised_costs}

    @property
    def objectives(self) -> tuple[str, ...]:
        """Returns the objectives that proposals look at: all but a second error."""
        errors = [name for name in self.problem.objectives if is_trained(name)]
        return tuple(name for name in self.problem.objectives if name not in errors[1:])

    @property
    def minimised_costs(self) -> tuple[str, ...]:
        """Returns the objectives that are known before training."""
        return tuple(name for name in self.objectives if not is_trained(name))

    def weights(self, rng: np.random.Generator) -> Array:
        """Returns how much each objective matters [k]; preferences that are ranges are drawn."""
        preferred, names = self.problem.preferences, self.objectives
        weights = [rng.uniform(*preferred[name]) if name in preferred else 1.0 for name in names]
        shares = [max(len(names) - 1, 1) if self.balanced and is_trained(name) else 1 for name in names]
        return np.array(weights) * shares

    def bounds(self, history: Sequence[Trial]) -> Bounds:
        """Returns the limits after some trials: the user's, and that of a useful error."""
        limits = self.problem.bounds
        errors = [each["error"].value for _, each in done(history) if limits.allow(each)]
        if not self.forgetting or not errors or "error" not in self.objectives or "error" in limits.names:
            return limits
        return Bounds({**limits.root, "error": useful_error(errors, self.problem.space.task.classes)})

    def costs(self, history: Sequence[Trial]) -> Costs:
        """Returns what is known of costs after some trials."""
        known = done(history)
        return Costs(
            self.problem,
            [trial.configuration for trial, _ in known],
            [objectives for _, objectives in known],
            self.exact_costs,
        )
