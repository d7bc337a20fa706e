"""The options by which a command names its objectives and their limits."""

from functools import wraps
from typing import Any

import click
from pydantic import ValidationError

from sparse_mcu.costmodel.cli.options import Decorated
from sparse_mcu.search.evaluation.bounds import Bounds
from sparse_mcu.search.evaluation.objectives import DEFAULT_OBJECTIVES, KINDS, chosen_objectives


def _read_limits(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    """Reads the texts of `--max`, each NAME=VALUE."""
    limits: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            limit = float(value)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as ram_bytes=2048") from None
        if not equals or name not in KINDS:
            raise click.BadParameter(f"{name!r} is no objective: name one of {', '.join(KINDS)}")
        if name in limits:
            raise click.BadParameter(f"{name} has two limits")
        limits[name] = limit
    return limits


_OPTIONS = (
    click.option(
        "--objective",
        "names",
        multiple=True,
        metavar="NAME",
        help=f"Minimise this; repeatable. By default {', '.join(DEFAULT_OBJECTIVES)}. There are also "
        f"{', '.join(name for name in KINDS if name not in DEFAULT_OBJECTIVES)}; see docs/search.md.",
    ),
    click.option(
        "--max",
        "limits",
        multiple=True,
        callback=_read_limits,
        metavar="NAME=VALUE",
        help="The most of any objective, such as error=0.05 (a share) or stored_size=2048 (bytes); repeatable.",
    ),
    click.option("--max-ram", type=click.IntRange(min=1), metavar="BYTES", help="Short for --max ram_bytes=BYTES."),
    click.option("--max-flash", type=click.IntRange(min=1), metavar="BYTES", help="Short for --max flash_bytes=BYTES."),
    click.option(
        "--max-latency-ms",
        type=click.FloatRange(min=0, min_open=True),
        metavar="MS",
        help="Short for --max latency_ms=MS.",
    ),
)


def objective_options(command: Decorated) -> Decorated:
    """Gives a command the options that make its arguments `objectives`, their names, and `bounds`."""

    @wraps(command)
    def with_objectives(
        *arguments: Any,  # noqa: ANN401 - any command
        names: tuple[str, ...],
        limits: dict[str, float],
        max_ram: int | None,
        max_flash: int | None,
        max_latency_ms: float | None,
        **others: Any,  # noqa: ANN401 - any command
    ) -> Any:  # noqa: ANN401 - any command
        short = {"ram_bytes": max_ram, "flash_bytes": max_flash, "latency_ms": max_latency_ms}
        bounds = _bounds(limits, {name: float(limit) for name, limit in short.items() if limit is not None})
        return command(*arguments, objectives=chosen_objectives(names), bounds=bounds, **others)

    decorated: Any = with_objectives
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    made: Decorated = decorated
    return made


def _bounds(limits: dict[str, float], short: dict[str, float]) -> Bounds:
    twice = next((name for name in short if name in limits), None)
    if twice is not None:
        raise click.UsageError(f"{twice} has two limits: one by --max, and one by its short form.")
    try:
        return Bounds(limits | short)
    except ValidationError as error:
        raise click.UsageError(f"--max takes numbers above 0: {error.errors()[0]['msg']}") from error
