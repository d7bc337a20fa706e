"""Compares strategies on a table of trained networks, where a trial takes no time.

`python -m sparse_mcu.benchmarks.strategies` prints the hypervolume that each strategy has after some trainings: mean
and standard deviation over the seeds. Beside it stands the p-value of Wilcoxon's signed-rank test for the first
strategy being ahead, after Holm's correction for the number of comparisons. The errors come from a model of the table
(`sparse_mcu.benchmarks.tabular`), with the noise of trainings; the costs come from plans. All strategies get the same
seeds, the same prices and the same limits, by default 2,048 B of RAM and 6,144 B of flash on microbit.

With `--compare ablation`, the default strategy is compared with itself, with each of its ideas off in turn, and
SpArSe's with itself likewise. With `--compare unfiltered`, all strategies but the first may propose what surely exceeds
a limit.

The hypervolume is that of the errors without noise, so that nobody is rewarded for luck. It is in decades, to the power
of the number of objectives. A trial that was stopped counts as the share of a training that it took. The hypervolume
of all networks begins at an error of 99.5 %, so even useless networks add to it. That of useful ones begins at 10 %.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal, get_args

import click

from sparse_mcu.benchmarks.significance import holm, p_value
from sparse_mcu.benchmarks.studies import ABLATIONS, Contender, KeptRuns, Run, Setting
from sparse_mcu.benchmarks.tabular.problem import tabular_task
from sparse_mcu.benchmarks.tabular.table import DATASETS
from sparse_mcu.costmodel.cli.console import console, emit, progress_console, table
from sparse_mcu.costmodel.cli.options import json_option
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.strategies.names import NAMES

OBJECTIVES = ("error", "ram_bytes", "flash_bytes")
LIMITS = {"ram_bytes": 2048.0, "flash_bytes": 6144.0}
CHECKPOINTS = (25, 50, 100, 150)

What = Literal["strategies", "unfiltered", "ablation"]


class Verdict(Record):
    """How a contender did against the one it is compared with.

    Attributes:
        contender: Its name.
        against: The name of the one that is tested to be ahead.
        volume: The mean hypervolume at the last checkpoint.
        useful_volume: The same of useful networks.
        p: The p-value of the other one being ahead, as corrected; None for too few seeds.
        useful_p: The same for useful networks.
    """

    contender: str
    against: str
    volume: float
    useful_volume: float
    p: float | None
    useful_p: float | None


class Comparison(Record):
    """The result of the benchmark."""

    setting: Setting
    runs: list[Run]
    verdicts: list[Verdict]


def compare(setting: Setting, runs: Sequence[Run], pairs: Sequence[tuple[str, str]]) -> Comparison:
    """Returns the comparison of pairs of contenders, the one that should be ahead first."""
    by_seed = {
        (name, kind): {run.seed: getattr(run, kind)[-1] for run in runs if run.contender.name == name}
        for name in {run.contender.name for run in runs}
        for kind in ("volumes", "useful_volumes")
    }

    def tested(kind: str) -> list[float | None]:
        found = [p_value(by_seed[first, kind], by_seed[name, kind]) for first, name in pairs]
        known = iter(holm([each for each in found if each is not None]))
        return [None if each is None else next(known) for each in found]

    verdicts = [
        Verdict(
            contender=name,
            against=first,
            volume=fmean(by_seed[name, "volumes"].values()),
            useful_volume=fmean(by_seed[name, "useful_volumes"].values()),
            p=p,
            useful_p=useful_p,
        )
        for (first, name), p, useful_p in zip(pairs, tested("volumes"), tested("useful_volumes"), strict=True)
    ]
    return Comparison(setting=setting, runs=list(runs), verdicts=verdicts)


def show(comparison: Comparison) -> None:
    """Prints a line for each contender, once for all networks and once for useful ones."""
    verdicts = {verdict.contender: verdict for verdict in comparison.verdicts}
    points = [f"at {each}" for each in comparison.setting.checkpoints]
    for title, kind, p_kind in (("all", "volumes", "p"), ("useful", "useful_volumes", "useful_p")):
        grid = table(
            f"Hypervolume of {title} networks, decades^{len(comparison.setting.objectives)}",
            *("strategy", *points, "p", "seeds", "trials", "stopped", "beyond limits", "s/proposal"),
        )
        for name in dict.fromkeys(run.contender.name for run in comparison.runs):
            runs = [run for run in comparison.runs if run.contender.name == name]
            cells = [_cell([getattr(run, kind)[point] for run in runs]) for point in range(len(points))]
            p = getattr(verdicts[name], p_kind) if name in verdicts else None
            means = [fmean(getattr(run, each) for run in runs) for each in ("trials", "stopped", "beyond_limits")]
            shown = [f"{mean:.1f}" for mean in means]
            seconds = f"{fmean(run.seconds for run in runs):.2f}"
            grid.add_row(name, *cells, "" if p is None else f"{p:.3f}", str(len(runs)), *shown, seconds)
        console.print(grid)


def _cell(volumes: Sequence[float]) -> str:
    return f"{fmean(volumes):.3f}" + (f"±{stdev(volumes):.3f}" if len(volumes) > 1 else "")


def contenders_of(what: What, names: Sequence[str]) -> tuple[list[Contender], list[tuple[str, str]]]:
    """Returns the contenders, and the pairs that are compared, the one that should be ahead first.

    Args:
        what: "strategies" compares the first one with all others. "unfiltered" does so, too, and the others may propose
            what surely exceeds a limit. "ablation" compares strategies with themselves, without each idea.
        names: The names of strategies.
    """
    if what == "ablation":
        parts = [Contender(name=name, strategy=kind, parameters=dict(p)) for name, (kind, p) in ABLATIONS.items()]
        parts = [part for part in parts if part.strategy in names]
        whole = [Contender(name=name, strategy=name) for name in dict.fromkeys(part.strategy for part in parts)]
        return [*whole, *parts], [(part.strategy, part.name) for part in parts]
    label, free = (", unfiltered", {"filtered": "no"}) if what == "unfiltered" else ("", {})
    rivals = [Contender(name=f"{name}{label}", strategy=name, parameters=free) for name in names[1:]]
    return [Contender(name=names[0], strategy=names[0]), *rivals], [(names[0], rival.name) for rival in rivals]


@click.command()
@click.option("--dataset", type=click.Choice(DATASETS), default=DATASETS[0], show_default=True, help="The table.")
@click.option("--compare", "what", type=click.Choice(get_args(What)), default="strategies", show_default=True)
@click.option("--strategy", "names", multiple=True, type=click.Choice(NAMES), help="Repeatable; by default all.")
@click.option("--objective", "objectives", multiple=True, type=click.Choice([*KINDS]), help="Repeatable; error first.")
@click.option("--trials", type=click.IntRange(min=1), default=150, show_default=True, help="Trainings in a study.")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="Studies of each strategy.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("strategies"),
    show_default=True,
    help="Keeps prices and finished studies, so that a comparison can be continued.",
)
@json_option
def main(
    *,
    dataset: str,
    what: What,
    names: tuple[str, ...],
    objectives: tuple[str, ...],
    trials: int,
    seeds: int,
    folder: Path,
    json_target: str | None,
) -> None:
    """Compare strategies on a table of trained networks."""
    folder.mkdir(parents=True, exist_ok=True)
    task, rows = tabular_task(dataset, Bounds(LIMITS), folder / "prices.jsonl")
    setting = Setting(
        table=dataset,
        rows=rows,
        board=task.board.name,
        objectives=objectives or OBJECTIVES,
        limits=LIMITS,
        checkpoints=(*(each for each in CHECKPOINTS if each < trials), trials),
    )
    contenders, pairs = contenders_of(what, names or NAMES)
    keeper, runs = KeptRuns(task, folder / "runs.jsonl"), list[Run]()
    for seed in range(seeds):
        for contender in contenders:
            runs.append(keeper.run(contender, setting, seed))
            told = f"{runs[-1].volumes[-1]:.3f}, of useful networks {runs[-1].useful_volumes[-1]:.3f}"
            progress_console.print(f"{contender.name}, seed {seed}: {told}", highlight=False)
    comparison = compare(setting, runs, pairs)
    emit(comparison, json_target, lambda: show(comparison))


if __name__ == "__main__":
    main()
