"""Runs studies of strategies on a table of trained networks, and measures what they reach."""

import time
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path

from pydantic import Field

from sparse_mcu.benchmarks.lines import Lines
from sparse_mcu.benchmarks.tabular.task import TabularTask
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import Stopped, Success
from sparse_mcu.search.strategies.names import DEFAULT
from sparse_mcu.search.strategies.pareto import hypervolume
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.registry import make_strategy
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.trial import Trial

USEFUL_ERROR = 0.1
"""The error at which the hypervolume of useful networks begins."""

ABLATIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "exact: without exact costs": (DEFAULT, {"exact_costs": "no", "filtered": "no"}),
    "exact: without the filter of limits": (DEFAULT, {"filtered": "no"}),
    "exact: without known noise": (DEFAULT, {"known_noise": "no"}),
    "exact: without a trend": (DEFAULT, {"trend": "no"}),
    "exact: without morphs": (DEFAULT, {"global_share": "1"}),
    "exact: without forgetting": (DEFAULT, {"forgetting": "no"}),
    "exact: without a simple start": (DEFAULT, {"simple_start": "no"}),
    "exact: without typical networks": (DEFAULT, {"typical_start": "no"}),
    "exact: without balance": (DEFAULT, {"balanced": "no"}),
    "exact: without rare parents": (DEFAULT, {"rare_parents": "no"}),
    "exact: without adapted moves": (DEFAULT, {"adapted_moves": "no"}),
    "exact: without early stopping": (DEFAULT, {"early_stopping": "no"}),
    "exact: Thompson sampling": (DEFAULT, {"acquisition": "thompson"}),
    "exact: UCB": (DEFAULT, {"acquisition": "ucb"}),
    "exact: reference at the nadir": (DEFAULT, {"reference": "nadir"}),
    "sparse: without morphs": ("sparse", {"morph_from": "1000000"}),
    "sparse: without Bayesian proposals": ("sparse", {"acquisition": "none"}),
}
"""The ideas of the default strategy and of SpArSe's, each off or replaced: the strategy and its parameters."""


class Contender(Record):
    """A strategy with its parameters.

    Attributes:
        name: What the table calls it.
        strategy: The name of the strategy.
        parameters: Values of its parameters, as text. Others have their defaults.
    """

    name: str
    strategy: str
    parameters: dict[str, str] = Field(default_factory=dict)


class Setting(Record):
    """What a study searches for, and for how long.

    Attributes:
        table: The dataset of the table.
        rows: The number of its rows.
        board: The name of the board.
        objectives: What is minimised.
        limits: The limits, by the name of the objective.
        checkpoints: The numbers of trainings after which the hypervolume is measured.
    """

    table: str
    rows: int
    board: str
    objectives: tuple[str, ...]
    limits: dict[str, float]
    checkpoints: tuple[int, ...]


class Run(Record):
    """One study and what it reached.

    Attributes:
        contender: The strategy.
        setting: What it searched for.
        seed: The seed of the study.
        volumes: The hypervolume at each checkpoint.
        useful_volumes: The same of networks with an error of at most USEFUL_ERROR.
        trials: The number of trials.
        stopped: How many of them were stopped early.
        beyond_limits: How many complete trials exceed a limit.
        seconds: The strategy's own CPU time for a proposal, in the mean.
    """

    contender: Contender
    setting: Setting
    seed: int
    volumes: tuple[float, ...]
    useful_volumes: tuple[float, ...]
    trials: int
    stopped: int
    beyond_limits: int
    seconds: float


class KeptRuns:
    """Runs studies, and keeps what they reached in a file, so that a comparison can be continued.

    Args:
        task: Answers the trials.
        path: The file, a line for each study; None keeps nothing.
    """

    def __init__(self, task: TabularTask, path: Path | None = None) -> None:
        self._task, self._lines = task, Lines(path)
        self._known = [Run.model_validate_json(line) for line in self._lines.kept]

    def run(self, contender: Contender, setting: Setting, seed: int) -> Run:
        """Returns what a study reaches; it is run if the file does not tell."""
        wanted = (contender.strategy, contender.parameters, setting, seed)
        for run in self._known:
            if (run.contender.strategy, run.contender.parameters, run.setting, run.seed) == wanted:
                return run.model_copy(update={"contender": contender})
        made = run_study(contender, setting, self._task, seed)
        self._known.append(made)
        self._lines.append([made.model_dump_json()])
        return made


def run_study(contender: Contender, setting: Setting, task: TabularTask, seed: int) -> Run:
    """Runs one study until its trainings reach the last checkpoint.

    Args:
        contender: The strategy.
        setting: What is minimised, and the checkpoints.
        task: Answers the trials. Its limits are those of the setting.
        seed: The seed of the strategy and of the trainings.
    """
    problem = Problem(
        space=task.surrogate.space,
        bounds=task.bounds,
        seed=seed,
        objectives=setting.objectives,
        price=task.price,
        images=task.surrogate.images,
    )
    strategy = make_strategy(contender.strategy, problem, contender.parameters)
    history: list[Trial] = []
    volumes: list[tuple[float, float]] = []
    trainings = seconds = 0.0
    while len(volumes) < len(setting.checkpoints):
        start = time.process_time()
        proposal = strategy.propose(len(history), history)
        seconds += time.process_time() - start
        if proposal is None:
            break
        result = task(proposal, [seed, len(history)])
        history.append(Trial(number=len(history), result=result, **dict(proposal)))
        trainings += result.rungs[-1].share if isinstance(result, Stopped) else 1.0
        while len(volumes) < len(setting.checkpoints) and trainings >= setting.checkpoints[len(volumes)]:
            volumes.append(true_volumes(history, setting.objectives, task))
    volumes += [true_volumes(history, setting.objectives, task)] * (len(setting.checkpoints) - len(volumes))
    complete = [trial.result for trial in history if isinstance(trial.result, Success)]
    return Run(
        contender=contender,
        setting=setting,
        seed=seed,
        volumes=tuple(whole for whole, _ in volumes),
        useful_volumes=tuple(useful for _, useful in volumes),
        trials=len(history),
        stopped=len(history) - len(complete),
        beyond_limits=sum(not task.bounds.allow(each.objectives) for each in complete),
        seconds=seconds / max(len(history), 1),
    )


def true_volumes(history: Sequence[Trial], objectives: Sequence[str], task: TabularTask) -> tuple[float, float]:
    """Returns the hypervolume of the complete trials within the limits, of all and of the useful ones.

    The errors are those without noise. The hypervolume is in decades to the power of the number of objectives.

    Args:
        history: The trials.
        objectives: What is minimised.
        task: Knows the errors without noise.
    """
    rows = [
        [task.surrogate.error(trial.configuration), *trial.result.objectives.values(objectives[1:])]
        for trial in history
        if isinstance(trial.result, Success) and task.bounds.allow(trial.result.objectives)
    ]
    if not rows:
        return 0.0, 0.0
    limits = zip(objectives[1:], task.bounds.values(objectives[1:]), strict=True)
    worst = [limit if limit < float("inf") else KINDS[name].worst(task.board) for name, limit in limits]
    logs = to_log(rows, objectives) / log(10)

    def volume(error: float) -> float:
        return hypervolume(logs, to_log([error, *worst], objectives) / log(10))

    return volume(KINDS["error"].worst(task.board)), volume(USEFUL_ERROR)
