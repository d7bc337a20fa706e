"""The options by which a command names its strategy, and what the user prefers."""

from collections.abc import Mapping
from functools import wraps
from typing import Any

import click

from sparse_mcu.costmodel.cli.options import Decorated
from sparse_mcu.search.evaluation.objectives import KINDS
from sparse_mcu.search.strategies.names import DEFAULT, NAMES, StrategyChoice


def _read_parameters(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Reads the texts of `--set`, each NAME=VALUE."""
    pairs = [text.partition("=") for text in texts]
    for text, (name, equals, value) in zip(texts, pairs, strict=True):
        if not (name and equals and value):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as initial=12")
    return {name: value for name, _, value in pairs}


def _read_preferences(
    _ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Reads the texts of `--prefer`, each NAME=WEIGHT or NAME=LEAST:MOST."""
    preferences: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, _, weights = text.partition("=")
        least, colon, most = weights.partition(":")
        try:
            preferences[name] = float(least), float(most if colon else least)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=WEIGHT, such as ram_bytes=2 or error=1:3") from None
        if name not in KINDS:
            raise click.BadParameter(f"{name!r} is no objective: name one of {', '.join(KINDS)}")
        if not 0 < preferences[name][0] <= preferences[name][1] < float("inf"):
            raise click.BadParameter(f"{text!r}: weights are above 0, and the least one comes first")
    return preferences


_OPTIONS = (
    click.option(
        "--strategy",
        type=click.Choice(NAMES),
        default=DEFAULT,
        show_default=True,
        help="What decides which network comes next; see docs/search.md.",
    ),
    click.option(
        "--set",
        "parameters",
        multiple=True,
        callback=_read_parameters,
        metavar="NAME=VALUE",
        help="Set a parameter of the strategy, such as initial=12; repeatable.",
    ),
    click.option(
        "--prefer",
        "preferences",
        multiple=True,
        callback=_read_preferences,
        metavar="NAME=WEIGHT",
        help="Make an objective matter more, such as ram_bytes=2 (twice as much as usual) or error=1:3 (drawn anew for "
        "every proposal); repeatable.",
    ),
)


def strategy_options(command: Decorated) -> Decorated:
    """Gives a command the options that make its argument `strategy`, a `StrategyChoice`."""

    @wraps(command)
    def with_strategy(
        *arguments: Any,  # noqa: ANN401 - any command
        strategy: str,
        parameters: Mapping[str, str],
        preferences: Mapping[str, tuple[float, float]],
        **others: Any,  # noqa: ANN401 - any command
    ) -> Any:  # noqa: ANN401 - any command
        return command(*arguments, strategy=StrategyChoice(strategy, parameters, preferences), **others)

    decorated: Any = with_strategy
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    made: Decorated = decorated
    return made
