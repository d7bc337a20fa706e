"""The loop of a search: propose, evaluate, record, until the budget is used up."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from costmodel.errors import StudyError
from search.evaluation import ProgressCallback, TrialEvaluator
from search.strategy import Strategy
from search.study import Study
from search.trial import Failure, Stage, Trial

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
class Progress:
    """A trial is in `stage`, of which `share` (0..1) is done."""

    trial: Trial
    stage: Stage
    share: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial has its result."""

    trial: Trial


Event = Proposing | Progress | Finished


def run_search(
    study: Study,
    strategy: Strategy,
    evaluate: TrialEvaluator,
    budget: Budget,
    on_event: Callable[[Event], None] = lambda _: None,
) -> None:
    """Run trials until the budget is used up; a trial that a former call left running comes first.

    One worker, one trial after the other; more workers would each run this loop.

    Raises:
        StudyError: The first trials all failed, for a reason that is then not the candidates'.
    """
    start = time.monotonic()
    while True:
        history = study.trials()
        pending = [trial for trial in history if trial.result is None]
        if not pending and len(history) >= budget.trials:
            return
        if budget.seconds is not None and time.monotonic() - start >= budget.seconds:
            return
        trial = pending[0] if pending else _propose(study, strategy, history, on_event)
        with study.workspace(trial) as workspace:
            result = evaluate(
                trial.configuration,
                seed=trial_seed(strategy.seed, trial.number),
                directory=workspace,
                on_progress=_forward(trial, on_event),
            )
            on_event(Finished(study.finish(trial, result, workspace)))
        _stop_if_hopeless(study)


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's training: the same whenever and wherever it runs."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _propose(study: Study, strategy: Strategy, history: list[Trial], on_event: Callable[[Event], None]) -> Trial:
    number = len(history)
    on_event(Proposing(number))
    trial = Trial(number=number, configuration=strategy.propose(number, history))
    study.claim(trial)
    return trial


def _forward(trial: Trial, on_event: Callable[[Event], None]) -> ProgressCallback:
    return lambda stage, share: on_event(Progress(trial, stage, share))


def _stop_if_hopeless(study: Study) -> None:
    """A missing compiler makes every trial fail; a bad candidate only its own."""
    results = [trial.result for trial in study.trials()]
    failures = [result for result in results if isinstance(result, Failure)]
    if len(failures) == len(results) >= FAILURES_TO_GIVE_UP:
        raise StudyError(
            f"the first {len(failures)} trials all failed, the last in {failures[-1].stage}: {failures[-1].reason}",
            where=str(study.path),
            fix=f"Mend the cause and start a new study; tracebacks are in {study.artifacts}.",
        )
