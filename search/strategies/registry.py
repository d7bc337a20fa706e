"""Finds strategies by name, and makes them with parameters of their own."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from importlib import import_module
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from sparse_mcu.costmodel.errors import SparseMcuError, suggestion
from sparse_mcu.search.strategies.names import CLASSES, NAMES
from sparse_mcu.search.strategies.protocol import Problem, Strategy


class StrategyError(SparseMcuError):
    """There is no such strategy, or no such parameter, or it cannot have that value."""


def make_strategy(name: str, problem: Problem, texts: Mapping[str, str] | None = None) -> Strategy:
    """Returns a strategy with given values of its parameters, and with its defaults for the others.

    Args:
        name: One of NAMES.
        problem: What the study searches for.
        texts: Values of parameters by name, as a user writes them.

    Raises:
        StrategyError: There is no such strategy or parameter, or a value is not what the parameter takes.
    """
    if name not in CLASSES:
        raise StrategyError(
            f"no strategy is called {name!r}",
            where="--strategy",
            fix=f"There are: {', '.join(NAMES)}.{suggestion(name, NAMES)}",
        )
    module, kind = CLASSES[name]
    made = getattr(import_module(f"{__package__}.{module}"), kind)
    return cast("Strategy", made(problem, **_parsed(name, made, texts or {})))


def _parsed(name: str, kind: Any, texts: Mapping[str, str]) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    parameters: dict[str, Field[Any]] = {each.name: each for each in fields(kind) if each.default is not MISSING}
    types = get_type_hints(kind)
    for key in texts:
        if key not in parameters:
            raise StrategyError(
                f"the strategy {name} has no parameter {key!r}",
                where="--set",
                fix=f"It has: {', '.join(parameters) or 'none'}.{suggestion(key, parameters)}",
            )
    return {key: _value(key, text, types[key]) for key, text in texts.items()}


def _value(key: str, text: str, kind: Any) -> Any:  # noqa: ANN401 - the type of a parameter
    """Returns the value that a text stands for."""
    if get_origin(kind) is Literal:
        choices: Mapping[str, Any] = {choice: choice for choice in get_args(kind)}
    elif kind is bool:
        choices = {"yes": True, "no": False}
    else:
        try:
            return kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise StrategyError(f"{key}={text}: {text!r} is not {what}", where="--set") from None
    if text not in choices:
        raise StrategyError(f"{key}={text}: {text!r} is none of {', '.join(choices)}", where="--set")
    return choices[text]
