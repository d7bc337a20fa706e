"""Runs a search: it proposes, evaluates and records trials until the budget is used up."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.protocol import Parent, ProgressCallback, TrialEvaluator
from sparse_mcu.search.evaluation.result import Failure, Result, Stage, Success
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.search.storage.study import Study
from sparse_mcu.search.strategies.protocol import Strategy
from sparse_mcu.search.study.trial import Proposal, Trial

FAILURES_TO_GIVE_UP = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a search.

    Attributes:
        trials: The number of trials in the whole study, including failed ones.
        seconds: The time of this call after which no trial begins; None sets no limit.
    """

    trials: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Proposing:
    """The strategy chooses a configuration for trial `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The strategy found no new configuration, so the search ends before its budget, with `trials` trials."""

    trials: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A trial is in `stage`, and the share `share` (0 to 1) of the stage is done."""

    trial: Trial
    stage: Stage
    share: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial has its result."""

    trial: Trial


Event = Proposing | Exhausted | Progress | Finished


def run_search(
    study: Study,
    strategy: Strategy,
    evaluate: TrialEvaluator,
    budget: Budget,
    on_event: Callable[[Event], None] = lambda _: None,
    crew: Crew | None = None,
) -> None:
    """Runs trials until the budget is used up.

    Trials that nobody works on any more come first: an earlier call left them, or their worker died. Other processes
    may run trials of the same study meanwhile. A crew evaluates trials side by side: whenever one of its processes is
    free, the strategy proposes with the results that are there, and is told which trials are running. So the trials of
    a crew, or of several processes, depend on which of them end first. The search ends early if the strategy finds no
    new configuration.

    Args:
        study: The study that gets the trials.
        strategy: What proposes configurations.
        evaluate: What evaluates them in this process.
        budget: When to stop.
        on_event: Called with each event of the search.
        crew: What evaluates trials side by side; None lets `evaluate` do it, one after another.

    Raises:
        StudyError: All trials failed so far, so the reason is hardly the candidates.
    """
    start = time.monotonic()
    begun = list[Trial]()

    def propose(number: int, history: list[Trial]) -> Proposal | None:
        on_event(Proposing(number))
        proposal = strategy.propose(number, history)
        if proposal is None:
            on_event(Exhausted(len(history)))
        return proposal

    def assignments() -> Iterator[Assignment]:
        while budget.seconds is None or time.monotonic() - start < budget.seconds:
            trial = study.begin(budget.trials, propose)
            if trial is None:
                return
            begun.append(trial)
            if crew is not None:
                on_event(Progress(trial, "training", 0.0))
            yield Assignment(
                trial.configuration,
                trial_seed(study.settings.seed, trial.number),
                workspaces.enter_context(study.workspace(trial)),
                _parent(study, trial),
                trial.rungs,
            )

    def finish(index: int, result: Result) -> None:
        _finish(study, begun[index], result, on_event)

    def alone(assignments: Iterable[Assignment], on_done: Callable[[int, Result], None]) -> None:
        for index, each in enumerate(assignments):
            on_done(index, each.evaluated_by(evaluate, _forward(begun[index], on_event)))

    with ExitStack() as workspaces:
        workspaces.callback(study.release)
        (crew or alone)(assignments(), finish)


def trial_seed(seed: int, number: int) -> int:
    """Returns the seed of a trial's training. It depends on the study's seed and the trial's number alone."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _finish(study: Study, trial: Trial, result: Result, on_event: Callable[[Event], None]) -> None:
    finished = study.finish(trial, result)
    if finished is not None:
        on_event(Finished(finished))
    _stop_if_hopeless(study)


def _parent(study: Study, trial: Trial) -> Parent | None:
    """Returns where the weights of a trial's parent are; None if it has no parent that left any."""
    if trial.parent is None:
        return None
    parent = next((each for each in study.trials() if each.number == trial.parent), None)
    if parent is None or not isinstance(parent.result, Success):
        return None
    weights = study.folder(parent) / parent.result.artifacts.weights
    return Parent(weights) if weights.is_file() else None


def _forward(trial: Trial, on_event: Callable[[Event], None]) -> ProgressCallback:
    return lambda stage, share: on_event(Progress(trial, stage, share))


def _stop_if_hopeless(study: Study) -> None:
    """Ends a search in which every finished trial failed, the first three among them.

    A bad candidate makes its own trial fail. A missing compiler makes every trial fail.
    """
    results = [trial.result for trial in study.trials()]
    finished = [result for result in results if result is not None]
    failures = [result for result in finished if isinstance(result, Failure)]
    first = results[:FAILURES_TO_GIVE_UP]
    if len(failures) == len(finished) and len(first) == FAILURES_TO_GIVE_UP and None not in first:
        raise StudyError(
            f"the first {len(failures)} trials all failed, the last in {failures[-1].stage}: {failures[-1].reason}",
            where=str(study.place),
            fix=f"Remove the cause and start a new study. The tracebacks are in {study.artifacts}.",
        )
