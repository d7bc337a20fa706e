"""Defines options that commands share: the model, the board, the tools, and how firmware is built."""

from functools import wraps
from pathlib import Path
from typing import Any

import click

from sparse_mcu.costmodel.cli.options import Decorated, json_option
from sparse_mcu.costmodel.memory.cli.options import memory_options
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.simulation.firmware.options import DEFAULT, OPTIMISE, BuildOptions, Optimise


def model_and_board(command: Decorated) -> Decorated:
    """Adds the model, and everything that `board_options` adds."""
    command = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx")(command)
    return board_options(command)


def board_options(command: Decorated) -> Decorated:
    """Adds the board, `--json` and the toolchain."""
    command = click.option(
        "--toolchain",
        metavar="NAME",
        help="The compiler: arm-none-eabi-gcc (the default if it is on PATH) or zig (comes with pip).",
    )(command)
    command = json_option(command)
    return click.option(
        "--board", required=True, metavar="NAME", help="A board of `sparse-mcu boards`, or a .toml file."
    )(command)


def build_options(command: Decorated) -> Decorated:
    """Gives a command the options that make its argument `options`, a `BuildOptions`."""

    @wraps(command)
    def with_options(*arguments: Any, optimise: Optimise, levers: Levers, **others: Any) -> Any:  # noqa: ANN401 - any command
        return command(*arguments, options=BuildOptions(optimise, levers), **others)

    decorated: Any = memory_options(with_options)
    made: Decorated = click.option(
        "--optimise",
        type=click.Choice(OPTIMISE),
        default=DEFAULT,
        show_default=True,
        help="Choose kernels for few cycles, for little flash, or for both, with at most a twentieth more arena (an "
        "eighth with streams).",
    )(decorated)
    return made
