"""Defines the command `export`."""

from dataclasses import replace
from pathlib import Path

import click

from sparse_mcu.costmodel.cli.console import console, emit, progress_console
from sparse_mcu.costmodel.cli.options import examples
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.simulation import api
from sparse_mcu.simulation.cli import tables
from sparse_mcu.simulation.cli.options import build_options, model_and_board
from sparse_mcu.simulation.firmware.options import PREFIX, BuildOptions


@click.command(
    short_help="Write a model as C that builds with `make` alone.",
    epilog=examples(
        "export model.onnx --board nucleo-l4r5zi --output firmware",
        "export model.onnx --board microbit --stream --name keyword --output keyword",
    ),
)
@model_and_board
@build_options
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder to write.")
@click.option(
    "--name",
    "prefix",
    default=PREFIX,
    show_default=True,
    metavar="PREFIX",
    help="How the names of files, functions and macros begin. Give each network of an application its own.",
)
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
@click.pass_context
def export(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    model: Path,
    board: Board,
    toolchain: str | None,
    options: BuildOptions,
    output: Path,
    prefix: str,
    force: bool,
    json_target: str | None,
) -> None:
    """Write an int8 MODEL.onnx as C that builds with `make` alone, for a board or for a project of your own.

    The exit code is 1 if the model does not fit. It is written all the same.
    """
    with progress_console.status(f"exporting {model.name}"):
        named = replace(options, prefix=prefix)
        report = api.export(model, board, output, options=named, toolchain=toolchain, force=force)

    def show() -> None:
        tables.show_analysis(report)
        console.print(f"written to {output}; read README.md there first", soft_wrap=True, markup=False)

    emit(report, json_target, show)
    if not report.fits:
        ctx.exit(EXIT_CHECK_FAILED)
