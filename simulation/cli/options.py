"""Defines options that commands share: the model, the board, the tools, and how firmware is built."""

from functools import wraps
from pathlib import Path
from typing import Any

import click

from sparse_mcu.costmodel.cli.options import Decorated, json_option
from sparse_mcu.costmodel.devices import at_operating_point, load_board
from sparse_mcu.costmodel.memory.cli.options import memory_options
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.timing.memory_system import load_memory_system
from sparse_mcu.simulation.firmware.options import DEFAULT, OPTIMISE, BuildOptions, Optimise


def model_and_board(command: Decorated) -> Decorated:
    """Adds the model, and everything that `board_options` adds."""
    command = click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx")(command)
    return board_options(command)


def board_options(command: Decorated) -> Decorated:
    """Adds the board at an operating point, `--json` and the toolchain. The command gets `board`, a `Board`."""
    command = _operating_point(command)
    command = click.option(
        "--toolchain",
        metavar="NAME",
        help="The compiler: arm-none-eabi-gcc (the default if it is on PATH) or zig (comes with pip).",
    )(command)
    command = json_option(command)
    return click.option(
        "--board", required=True, metavar="NAME", help="A board of `sparse-mcu boards`, or a .toml file."
    )(command)


def _operating_point(command: Decorated) -> Decorated:
    """Gives a command the options that change a board's clock and memories."""

    @wraps(command)
    def with_board(
        *arguments: Any,  # noqa: ANN401 - any command
        board: str,
        clock: int | None,
        wait_states: int | None,
        memory: str | None,
        **others: Any,  # noqa: ANN401 - any command
    ) -> Any:  # noqa: ANN401 - any command
        found = at_operating_point(load_board(board), clock_hz=clock, wait_states=wait_states, memory=memory)
        load_memory_system(found)  # complains before anything is built
        return command(*arguments, board=found, **others)

    decorated: Any = with_board
    for option in (
        click.option(
            "--memory",
            metavar="PRESET",
            help="The memory system: that of the board by default; `zero-wait-states` for a core that never waits.",
        ),
        click.option(
            "--wait-states",
            type=click.IntRange(0, 100),
            metavar="N",
            help="Wait states of the flash, not those of the clock.",
        ),
        click.option(
            "--clock", type=click.IntRange(min=1), metavar="HZ", help="Another clock than the board's highest."
        ),
    ):
        decorated = option(decorated)
    made: Decorated = decorated
    return made


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
