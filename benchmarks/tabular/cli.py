"""Makes the table: `python -m sparse_mcu.benchmarks.tabular --help`."""

from pathlib import Path

import click
import torch

from sparse_mcu.benchmarks.tabular.making import Maker
from sparse_mcu.benchmarks.tabular.pool import LIMITS, Pool
from sparse_mcu.benchmarks.tabular.problem import IMAGES, TASKS
from sparse_mcu.benchmarks.tabular.rows import Log
from sparse_mcu.benchmarks.tabular.surrogate import cross_validated
from sparse_mcu.benchmarks.tabular.table import DATASETS, FOLDER, read_table, table_path, write_table
from sparse_mcu.costmodel.cli.console import console, emit
from sparse_mcu.costmodel.cli.options import json_option
from sparse_mcu.search.data.loaders import find_dataset
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.search.space.space import Space

_dataset_option = click.option("--dataset", type=click.Choice(DATASETS), default=DATASETS[0], show_default=True)
_log_argument = click.argument("log", type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def main() -> None:
    """Make the tables of trained networks that strategies are compared on."""


@main.command()
@_dataset_option
@click.option("--rows", type=click.IntRange(min=1), default=1500, show_default=True, help="Rows to have in the end.")
@_log_argument
def make(*, dataset: str, rows: int, log: Path) -> None:
    """Train networks until LOG has so many rows; each is a line that is written when its network is measured.

    The command goes on where it was stopped, even by kill -9.
    """
    torch.set_num_threads(1)
    data, found = find_dataset(dataset).load(None), Log(log)
    maker, pool = Maker(data, recipe_for(dataset)), Pool(data.task)
    while len(found.rows) < rows:
        row = maker.row(pool.next(found.rows), len(found.rows))
        found.append([row])
        click.echo(f"{row.seed:5} {row.seconds:6.2f} s {100 * row.error:6.2f} %  {row.network}")


@main.command()
@_dataset_option
@_log_argument
def pack(*, dataset: str, log: Path) -> None:
    """Write LOG as the shipped table of its dataset."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path, rows = table_path(dataset), Log(log).rows
    write_table(path, rows)
    click.echo(f"{path}: {len(rows)} rows, {path.stat().st_size} bytes")


@main.command()
@_dataset_option
@json_option
def check(*, dataset: str, json_target: str | None) -> None:
    """Tell how well the model of a table foretells networks that it has not seen."""
    found = cross_validated(read_table(table_path(dataset)), Space(TASKS[dataset], LIMITS), IMAGES[dataset])
    emit(
        found,
        json_target,
        lambda: console.print(
            f"{found.rows} rows. Rank correlation {found.rank_correlation:.3f}; deviation of ln(odds) "
            f"{found.deviation:.3f}, of which {found.seed_noise:.3f} are between seeds ({found.repeated} networks)."
        ),
    )
