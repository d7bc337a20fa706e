"""Turns the planner's levers into options, the same for all commands that plan a model."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from math import isfinite
from typing import Any

import click

from sparse_mcu.costmodel.errors import suggestion
from sparse_mcu.costmodel.memory.model.levers import Levers, switches

_SPELLED = {"streaming": "stream"}
"""Levers whose option has another name than their field."""

_HELP = {
    "fused_pools": "Let pools take the rows of the convolution before them as they come.",
    "streaming": "Execute stretches of the graph some rows at a time: less RAM, more cycles.",
    "max_recompute": "Streaming may raise the multiplications by this factor; implies --stream.",
}


def memory_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that make its argument `levers`, as the fields of `Levers` say.

    A switch that is on by default can be named in `--without`. A switch that is off has a flag, a number has an option.
    """
    on, off, numbers = _fields_by_kind()

    @wraps(command)
    def with_levers(*arguments: Any, without: frozenset[str], **options: Any) -> Any:  # noqa: ANN401 - any command
        chosen = dict.fromkeys(without, False) | {each.name: options.pop(each.name) for each in (*off, *numbers)}
        chosen["streaming"] = chosen.get("streaming", True) or chosen["max_recompute"] > 1
        return command(*arguments, levers=Levers(**chosen), **options)

    decorated: Callable[..., Any] = with_levers
    for each in reversed(numbers):
        option = click.option(
            f"--{lever_name(each.name)}",
            each.name,
            type=float,
            default=each.default,
            metavar="FACTOR",
            callback=_parse_factor,
            help=_help(each),
        )
        decorated = option(decorated)
    for each in reversed(off):
        decorated = click.option(f"--{lever_name(each.name)}", each.name, is_flag=True, help=_help(each))(decorated)
    names = ", ".join(lever_name(each.name) for each in on)
    return click.option(
        "--without",
        metavar="LEVER,...",
        multiple=True,
        callback=_parse_without,
        help=f"Levers of the memory planner to leave off: {names}.",
    )(decorated)


def lever_name(field: str) -> str:
    """Return the name of a field of `Levers` in commands and tables."""
    return _SPELLED.get(field, field).replace("_", "-")


def _fields_by_kind() -> tuple[list[Field[Any]], list[Field[Any]], list[Field[Any]]]:
    """Return the switches that are on by default, the switches that are off, and the numbers."""
    known = {each.name: each for each in fields(Levers)}
    on = [known[name] for name in switches() if known[name].default]
    off = [known[name] for name in switches() if not known[name].default]
    return on, off, [each for each in known.values() if each.name not in switches()]


def _help(field: Field[Any]) -> str:
    return _HELP.get(field.name, f"See {field.name} in costmodel/memory/model/levers.py.")


def _parse_without(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    by_name = {lever_name(each.name): each.name for each in _fields_by_kind()[0]}
    named = [name.strip() for value in values for name in value.split(",") if name.strip()]
    for name in named:
        if name not in by_name:
            near = suggestion(name, by_name) or (" It is off unless asked for." if name in _off_names() else "")
            raise click.BadParameter(f"{name!r} is none of {', '.join(by_name)}.{near}")
    return frozenset(by_name[name] for name in named)


def _off_names() -> set[str]:
    return {lever_name(each.name) for each in _fields_by_kind()[1]}


def _parse_factor(_: click.Context, __: click.Parameter, value: float) -> float:
    if not (isfinite(value) and value >= 1):
        raise click.BadParameter(f"{value} is no factor: give a number from 1 up")
    return value
