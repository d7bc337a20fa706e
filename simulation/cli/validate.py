"""Defines the command `validate`."""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import console, emit, progress_console, table
from sparse_mcu.costmodel.cli.options import Decorated, OutputFile, examples, json_option
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.simulation.validation.items import ValidationReport, compare, predict, summarise
from sparse_mcu.simulation.validation.recording import recorded_items


def _checkout(name: str, text: str) -> Callable[[Decorated], Decorated]:
    """Returns an option that names a folder."""
    return click.option(name, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR", help=text)


@click.command(
    short_help="Compare predicted cycles with those of hardware.",
    epilog=examples("validate", "validate --embench embench-iot --plot errors.svg", "validate --json errors.json"),
)
@_checkout(
    "--embench", "Build and run the programs of this checkout of embench/embench-iot instead of the recorded ones."
)
@_checkout("--coremark", "Build and run this checkout of eembc/coremark instead of the recorded programs.")
@_checkout(
    "--tiny-results", "Run the images of this checkout of mlcommons/tiny_results_v1.2 instead of the recorded ones."
)
@click.option(
    "--plot", type=OutputFile(".svg", ".png"), metavar="FILE", help="Draw the errors into an .svg or .png file."
)
@json_option
def validate(
    *,
    embench: Path | None,
    coremark: Path | None,
    tiny_results: Path | None,
    plot: Path | None,
    json_target: str | None,
) -> None:
    """Compare the cycles that the cost model predicts with those that others measured on hardware.

    Without checkouts, the command prices what is recorded of the same programs: how often which kind of instruction
    ran. So a change of the model shows its effect in seconds.
    """
    with progress_console.status("pricing") as status:
        items = recorded_items()
        for group, folder in (("embench", embench), ("coremark", coremark), ("mlperf-tiny", tiny_results)):
            if folder is not None:
                from sparse_mcu.simulation.validation.makers import MAKERS  # noqa: PLC0415 - loads the emulator

                kept = [item for item in items if item.group != group]
                items = [*MAKERS[group](folder, lambda name: status.update(f"running {name}")), *kept]
        report = summarise(compare(item, predict(item)) for item in items)
    if plot is not None:
        with needs("plot", "--plot"):
            from sparse_mcu.simulation.validation.plot import draw  # noqa: PLC0415 - needs an extra
        draw(report, plot)
    emit(report, json_target, lambda: _show(report))


def _show(report: ValidationReport) -> None:
    """Prints the items of each group, and the errors by group and core."""
    for group, items in groupby(report.items, key=lambda item: item.group):
        grid = table(f"Cycles of {group}", "program", "core", "predicted", "measured", "error")
        grid.columns[0].overflow = "fold"
        for item in items:
            counts = f"{item.predicted_cycles:,}", f"{item.measured_cycles:,}"
            grid.add_row(item.name, item.core, *counts, f"{item.error_percent:+.1f} %")
        console.print(grid)
    totals = table("Errors", "group", "core", "items", "mean |error|", "mean", "worst")
    for row in report.summary:
        means = f"{row.mean_absolute_percent:.2f} %", f"{row.mean_percent:+.2f} %"
        totals.add_row(row.group, row.core, str(row.items), *means, f"{row.worst_percent:+.1f} %")
    console.print(totals)
