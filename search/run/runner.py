"""The loop of a search: propose, evaluate, record, until the budget is used up."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.evaluator import ProgressCallback, TrialEvaluator
from sparse_mcu.search.evaluation.result import Failure, Result, Stage
from sparse_mcu.search.run.assignment import Assignment, Crew
from sparse_mcu.search.strategies.bayes.strategy import Strategy
from sparse_mcu.search.study.sqlite import Study
from sparse_mcu.search.study.trial import Trial

FAILURES_TO_GIVE_UP = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop; trials count over the whole study, seconds over this call.

    Attributes:
        trials: Number of trials in the study, failed ones included.
        seconds: No trial is begun after this time; None: no limit.
    """

    trials: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Proposing:
    """The strategy is at work on trial `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The strategy finds nothing that was not tried: the search ends before its budget, with `trials` trials."""

    trials: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A trial is in `stage`, of which `share` (0..1) is done."""

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
    """Run trials until the budget is used up; trials that a former call left running come first.

    A proposal follows from the trials before it, so one trial comes after the other; but the first ones
    follow from no results, and a crew evaluates those side by side. The study is the same.

    It ends early where the strategy finds no configuration that was not tried.

    Raises:
        StudyError: The first trials all failed, for a reason that is then not the candidates'.
    """
    start = time.monotonic()

    def is_over() -> bool:
        return budget.seconds is not None and time.monotonic() - start >= budget.seconds

    if crew is not None:
        _run_ahead(study, strategy, crew, budget, on_event, is_over)
    while True:
        history = study.trials()
        pending = _running(history)
        if (not pending and len(history) >= budget.trials) or is_over():
            return
        trial = pending[0] if pending else _propose(study, strategy, history, on_event)
        if trial is None:
            return
        with study.workspace(trial) as folder:
            result = evaluate(
                trial.configuration,
                seed=trial_seed(strategy.seed, trial.number),
                directory=folder,
                on_progress=_forward(trial, on_event),
            )
            on_event(Finished(study.finish(trial, result)))
        _stop_if_hopeless(study)


def _run_ahead(
    study: Study,
    strategy: Strategy,
    crew: Crew,
    budget: Budget,
    on_event: Callable[[Event], None],
    is_over: Callable[[], bool],
) -> None:
    """Let the crew evaluate what needs no results: trials left running, and those before the strategy has a model."""
    pending, last = deque(_running(study.trials())), min(strategy.initial, budget.trials)
    if len(pending) + last - len(study.trials()) <= 1:
        return
    begun: list[Trial] = []

    def assignments() -> Iterator[Assignment]:
        while not is_over():
            history = study.trials()
            if not pending and len(history) >= last:
                return
            trial = pending.popleft() if pending else _propose(study, strategy, history, on_event)
            if trial is None:
                return
            begun.append(trial)
            folder = workspaces.enter_context(study.workspace(trial))
            on_event(Progress(trial, "training", 0.0))
            yield Assignment(trial.configuration, trial_seed(strategy.seed, trial.number), folder)

    def finish(index: int, result: Result) -> None:
        on_event(Finished(study.finish(begun[index], result)))
        _stop_if_hopeless(study)

    with ExitStack() as workspaces:
        crew(assignments(), finish)


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's training: the same whenever and wherever it runs."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _running(history: list[Trial]) -> list[Trial]:
    return [trial for trial in history if trial.result is None]


def _propose(study: Study, strategy: Strategy, history: list[Trial], on_event: Callable[[Event], None]) -> Trial | None:
    """A new trial, claimed; None where the strategy has none."""
    number = len(history)
    on_event(Proposing(number))
    configuration = strategy.propose(number, history)
    if configuration is None:
        on_event(Exhausted(number))
        return None
    trial = Trial(number=number, configuration=configuration)
    study.claim(trial)
    return trial


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
            where=str(study.path),
            fix=f"Mend the cause and start a new study; tracebacks are in {study.artifacts}.",
        )
