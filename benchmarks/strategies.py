"""Compares strategies on the task of `sparse_mcu.benchmarks.synthetic`, where a trial takes no time.

`python -m sparse_mcu.benchmarks.strategies` prints the hypervolume that each strategy has after some trainings: mean
and standard deviation over the seeds, and the p-value of Wilcoxon's signed-rank test for the first strategy being
ahead.
All strategies get the same seeds, the same prices and the same limits, 2,048 B of RAM and 6,144 B of flash on microbit.
With `--ablate`, the first strategy is compared with itself, with each of its ideas off in turn.

The hypervolume is that of the errors without noise, so that nobody is rewarded for luck. It is in decades^3. A trial
that was stopped counts as the share of a training that it took.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean, stdev

import click
import numpy as np
from scipy.stats import wilcoxon

from sparse_mcu.benchmarks.synthetic import BOARD, IMAGES, SPACE, KeptPrices, SyntheticTask, true_error
from sparse_mcu.costmodel.cli.console import console, emit, progress_console, table
from sparse_mcu.costmodel.cli.options import json_option
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.evaluation.result import Stopped, Success
from sparse_mcu.search.run.runner import trial_seed
from sparse_mcu.search.strategies.names import DEFAULT, NAMES
from sparse_mcu.search.strategies.pareto import hypervolume
from sparse_mcu.search.strategies.protocol import Problem
from sparse_mcu.search.strategies.registry import make_strategy
from sparse_mcu.search.strategies.scales import to_log
from sparse_mcu.search.study.trial import Trial

OBJECTIVES = ("error", "ram_bytes", "flash_bytes")
CHECKPOINTS = (25, 50, 100, 150)

ABLATIONS: Mapping[str, Mapping[str, str]] = {
    "without exact costs": {"exact_costs": "no", "filtered": "no"},
    "without the filter of limits": {"filtered": "no"},
    "without known noise": {"known_noise": "no"},
    "without morphs": {"global_share": "1"},
    "without rare parents": {"rare_parents": "no"},
    "without adapted moves": {"adapted_moves": "no"},
    "without early stopping": {"early_stopping": "no"},
    "Thompson sampling": {"acquisition": "thompson"},
    "UCB": {"acquisition": "ucb"},
    "reference at the nadir": {"reference": "nadir"},
}
"""The ideas of the default strategy, each off or replaced."""


class Run(Record):
    """One study.

    Attributes:
        name: The name of the strategy, or of what is off.
        seed: The seed of the study.
        volumes: The hypervolume at each checkpoint that was reached.
        trials: The number of trials.
        stopped: How many of them were stopped early.
        beyond_limits: How many complete trials exceed a limit.
        seconds: The strategy's own CPU time for a proposal, in the mean.
    """

    name: str
    seed: int
    volumes: list[float]
    trials: int
    stopped: int
    beyond_limits: int
    seconds: float


class Comparison(Record):
    """The result of the benchmark; `checkpoints` are trainings."""

    checkpoints: list[int]
    runs: list[Run]


@dataclass(frozen=True, slots=True)
class _Contender:
    name: str
    strategy: str
    parameters: Mapping[str, str]


def run_study(contender: _Contender, task: SyntheticTask, seed: int, checkpoints: Sequence[int]) -> Run:
    """Runs one study until its trainings reach the last checkpoint."""
    problem = Problem(
        space=SPACE,
        bounds=task.bounds.within(BOARD),
        seed=seed,
        objectives=OBJECTIVES,
        price=task.price,
        images=IMAGES,
    )
    strategy = make_strategy(contender.strategy, problem, contender.parameters)
    history: list[Trial] = []
    volumes: list[float] = []
    trainings = seconds = 0.0
    while len(volumes) < len(checkpoints):
        start = time.process_time()
        proposal = strategy.propose(len(history), history)
        seconds += time.process_time() - start
        if proposal is None:
            break
        result = task(proposal, trial_seed(seed, len(history)))
        history.append(Trial(number=len(history), result=result, **dict(proposal)))
        trainings += result.rungs[-1].share if isinstance(result, Stopped) else 1.0
        while len(volumes) < len(checkpoints) and trainings >= checkpoints[len(volumes)]:
            volumes.append(true_volume(history, task))
    complete = [trial.result for trial in history if isinstance(trial.result, Success)]
    return Run(
        name=contender.name,
        seed=seed,
        volumes=volumes,
        trials=len(history),
        stopped=len(history) - len(complete),
        beyond_limits=sum(not task.bounds.allow(each.objectives) for each in complete),
        seconds=seconds / max(len(history), 1),
    )


def true_volume(history: Sequence[Trial], task: SyntheticTask) -> float:
    """Returns the hypervolume of the complete trials within the limits, with errors without noise, in decades^3."""
    rows = [
        [true_error(trial.configuration), *trial.result.objectives.values(OBJECTIVES[1:])]
        for trial in history
        if isinstance(trial.result, Success) and task.bounds.allow(trial.result.objectives)
    ]
    worst = [KINDS["error"].worst(BOARD), *task.bounds.values(OBJECTIVES[1:])]
    if not rows:
        return 0.0
    return hypervolume(to_log(rows, OBJECTIVES) / log(10), to_log(worst, OBJECTIVES) / log(10))


def show(comparison: Comparison) -> None:
    """Prints a line for each contender."""
    names = list(dict.fromkeys(run.name for run in comparison.runs))
    points = [f"at {each}" for each in comparison.checkpoints]
    grid = table("Hypervolume, decades^3", "strategy", *points, "p", "stopped", "beyond limits", "s/proposal")
    for name in names:
        runs = [run for run in comparison.runs if run.name == name]
        cells = [_cell([run.volumes[point] for run in runs]) for point in range(len(points))]
        p = "" if name == names[0] else _p_value(comparison, names[0], name)
        means = [fmean(getattr(run, field) for run in runs) for field in ("stopped", "beyond_limits", "seconds")]
        grid.add_row(name, *cells, p, f"{means[0]:.1f}", f"{means[1]:.1f}", f"{means[2]:.2f}")
    console.print(grid)


def _cell(volumes: Sequence[float]) -> str:
    return f"{fmean(volumes):.3f}" + (f"±{stdev(volumes):.3f}" if len(volumes) > 1 else "")


def _p_value(comparison: Comparison, first: str, name: str) -> str:
    ours, theirs = (
        [run.volumes[-1] for run in sorted(comparison.runs, key=lambda run: run.seed) if run.name == each]
        for each in (first, name)
    )
    gains = np.array(ours[: len(theirs)]) - np.array(theirs[: len(ours)])
    return f"{wilcoxon(gains, alternative='greater').pvalue:.3f}" if len(gains) > 1 and gains.any() else "-"


@click.command()
@click.option("--strategy", "names", multiple=True, type=click.Choice(NAMES), help="Repeatable; by default all.")
@click.option("--ablate", is_flag=True, help=f"Compare {DEFAULT} with itself, each of its ideas off in turn.")
@click.option("--trials", type=click.IntRange(min=1), default=150, show_default=True, help="Trainings in a study.")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="Studies of each strategy.")
@click.option(
    "--prices",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("prices.jsonl"),
    show_default=True,
    help="The file that keeps prices from run to run.",
)
@json_option
def main(
    *, names: tuple[str, ...], ablate: bool, trials: int, seeds: int, prices: Path, json_target: str | None
) -> None:
    """Compare strategies on a task whose errors follow from a formula and whose costs are real."""
    checkpoints = [*(each for each in CHECKPOINTS if each < trials), trials]
    contenders = [_Contender(name, name, {}) for name in names or NAMES]
    if ablate:
        contenders = [
            _Contender(DEFAULT, DEFAULT, {}),
            *(_Contender(name, DEFAULT, parameters) for name, parameters in ABLATIONS.items()),
        ]
    task = SyntheticTask(KeptPrices(prices))
    runs: list[Run] = []
    for seed in range(seeds):
        for contender in contenders:
            runs.append(run_study(contender, task, seed, checkpoints))
            progress_console.print(f"{contender.name}, seed {seed}: {runs[-1].volumes}", highlight=False)
    comparison = Comparison(checkpoints=checkpoints, runs=runs)
    emit(comparison, json_target, lambda: show(comparison))


if __name__ == "__main__":
    main()
