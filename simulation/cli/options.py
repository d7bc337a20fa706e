"""Options that commands share: the model, the board, the tools, and how firmware is built."""

from functools import wraps
from pathlib import Path
from typing import Any

import click

from sparse_mcu.costmodel.cli.options import Decorated, json_option
from sparse_mcu.costmodel.memory.cli.options import memory_options
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.simulation.firmware.options import DEFAULT, OPTIMISE, BuildOptions, Optimise


def model_and_board(command: Decorated) -> Decorated:
    """Add the model, and all that `board_options` adds."""
    command = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx")(command)
    return board_options(command)


def board_options(command: Decorated) -> Decorated:
    """Add the board, `--json` and the toolchain."""
    command = click.option(
        "--toolchain",
        metavar="NAME",
        help="arm-none-eabi-gcc (default where it is on PATH) or zig (comes with pip).",
    )(command)
    command = json_option(command)
    return click.option("--board", required=True, metavar="NAME", help="See `sparse-mcu boards`; or a .toml file.")(
        command
    )


def build_options(command: Decorated) -> Decorated:
    """Give a command the options that make its argument `options`, a `BuildOptions`."""

    @wraps(command)
    def with_options(*arguments: Any, optimise: Optimise, levers: Levers, **others: Any) -> Any:  # noqa: ANN401 - any command
        return command(*arguments, options=BuildOptions(optimise, levers), **others)

    decorated: Any = memory_options(with_options)
    made: Decorated = click.option(
        "--optimise",
        type=click.Choice(OPTIMISE),
        default=DEFAULT,
        show_default=True,
        help="What kernels are chosen for: cycles, bytes of flash, or both within a twentieth more RAM.",
    )(decorated)
    return made
