"""Proposes as Optuna's samplers do. An in-memory study of Optuna is filled with the history for every proposal.

The samplers see a conditional space (`sparse_mcu.search.strategies.rivals.optuna_space`) and the limits as constraints.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna

from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.strategies.proposing import is_affordable, propose_with
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.rivals.optuna_asking import Suggested, parameters_of, silent
from sparse_mcu.search.strategies.rivals.optuna_space import ask_configuration
from sparse_mcu.search.study.trial import Proposal, Trial

_ATTEMPTS = 30
_GENERATION = "NSGAIISampler:generation"  # the attribute in which Optuna's sampler keeps the generation of a trial


@dataclass(frozen=True, slots=True)
class TpeStrategy:
    """Proposes by the multivariate tree-structured Parzen estimator, Optuna's default for several objectives.

    Attributes:
        problem: What the study searches for.
        initial: The number of random trials at first.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    initial: int = 10
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a new configuration of the sampler; a random one if it has none, and None if there is none."""

        def make(seed: int) -> optuna.samplers.BaseSampler:
            return optuna.samplers.TPESampler(n_startup_trials=self.initial, multivariate=True, group=True, seed=seed)

        return _propose(self.problem, number, history, make, lambda _: {}, filtered=self.filtered)


@dataclass(frozen=True, slots=True)
class Nsga2Strategy:
    """Proposes by NSGA-II (Deb et al., 2002).

    Attributes:
        problem: What the study searches for.
        population: The number of trials in a generation. Optuna's own default is 50; ours suits some 150 trials.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    problem: Problem
    population: int = 20
    filtered: bool = True

    def propose(self, number: int, history: Sequence[Trial]) -> Proposal | None:
        """Returns a new configuration of the sampler; a random one if it has none, and None if there is none."""

        def make(seed: int) -> optuna.samplers.BaseSampler:
            return optuna.samplers.NSGAIISampler(population_size=self.population, seed=seed)

        def attributes(index: int) -> dict[str, int]:
            return {_GENERATION: index // self.population}

        return _propose(self.problem, number, history, make, attributes, filtered=self.filtered)


def _propose(
    problem: Problem,
    number: int,
    history: Sequence[Trial],
    make: Callable[[int], optuna.samplers.BaseSampler],
    attributes: Callable[[int], dict[str, int]],
    *,
    filtered: bool,
) -> Proposal | None:
    """Asks a sampler until it proposes something that can be tried.

    Args:
        problem: What the study searches for.
        number: The number of the trial.
        history: All earlier trials.
        make: Makes the sampler with a seed.
        attributes: Returns what the sampler would have recorded of the complete trial of an index.
        filtered: Whether nothing is proposed that surely exceeds a limit.
    """

    def choose(taken: set[Configuration], rng: np.random.Generator) -> Proposal | None:
        with _quiet():
            sampler = make(int(rng.integers(2**31)))
            study = optuna.create_study(directions=["minimize"] * len(problem.objectives), sampler=sampler)
            study.add_trials(_replayed(problem, history, attributes))
            for _ in range(_ATTEMPTS):
                trial = study.ask()
                made = problem.space.repaired(ask_configuration(Suggested(trial), problem.space.limits))
                found = problem.space.canonical(made) if problem.space.admits(made) else None
                if found is not None and found not in taken and (not filtered or is_affordable(problem, found)):
                    return Proposal(configuration=found)
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None

    return propose_with(problem, number, history, choose, filtered=filtered)


def _replayed(
    problem: Problem, history: Sequence[Trial], attributes: Callable[[int], dict[str, int]]
) -> list[optuna.trial.FrozenTrial]:
    """Returns the complete and the running trials of a history as trials of Optuna."""
    replayed: list[optuna.trial.FrozenTrial] = []
    complete = 0
    for trial in history:
        known = parameters_of(trial.configuration, problem.space.limits)
        if isinstance(trial.result, Success):
            objectives = trial.result.objectives
            excess = {name: objectives[name].value - limit for name, limit in problem.bounds.root.items()}
            replayed.append(
                optuna.trial.create_trial(
                    **known,
                    values=objectives.values(problem.objectives),
                    constraints=excess,
                    system_attrs=attributes(complete),
                )
            )
            complete += 1
        elif trial.result is None:
            replayed.append(optuna.trial.create_trial(**known, state=optuna.trial.TrialState.RUNNING))
    return replayed


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides messages of Optuna in a `with` block: that it made a study, and that an argument is experimental."""
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
