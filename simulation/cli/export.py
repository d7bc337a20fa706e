"""The command `export`."""

from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import console, emit, progress_console
from sparse_mcu.costmodel.cli.options import examples
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.memory.cli.options import memory_options
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.simulation.cli import tables
from sparse_mcu.simulation.cli.commands import model_and_board
from sparse_mcu.simulation.exporting.export import export_model
from sparse_mcu.simulation.firmware.choice.costs import Optimise
from sparse_mcu.simulation.firmware.source import PREFIX
from sparse_mcu.simulation.toolchain import find_toolchain


@click.command(
    short_help="Write C that builds with `make` alone.",
    epilog=examples(
        "export model.onnx --board nucleo-l4r5zi --output firmware",
        "export model.onnx --board microbit --stream --name keyword --output keyword",
    ),
)
@model_and_board
@memory_options
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder to write.")
@click.option(
    "--name",
    "prefix",
    default=PREFIX,
    show_default=True,
    metavar="PREFIX",
    help="What its files, functions and macros begin with: one for each network in an application.",
)
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
@click.pass_context
def export(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: Path,
    board: str,
    toolchain: str | None,
    optimise: Optimise,
    levers: Levers,
    output: Path,
    prefix: str,
    force: bool,
    json_target: str | None,
) -> None:
    """Write an int8 MODEL.onnx as C that builds with `make` alone, for a board or for a project of your own.

    Exits with 1 where the model does not fit; it is written all the same.
    """
    target, compiler = load_board(board), find_toolchain(toolchain)
    with progress_console.status(f"exporting {model.name}"):
        report = export_model(
            model,
            target,
            toolchain=compiler,
            directory=output,
            force=force,
            optimise=optimise,
            levers=levers,
            prefix=prefix,
        )

    def show() -> None:
        tables.show_analysis(report)
        console.print(f"written to {output}: start with README.md there", soft_wrap=True, markup=False)

    emit(report, json_target, show)
    if not report.fits:
        ctx.exit(EXIT_CHECK_FAILED)
