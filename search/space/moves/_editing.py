"""Copies a configuration with a change, for all moves."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from sparse_mcu.search.space.configuration import Block, Configuration

_T = TypeVar("_T")


def with_changes(configuration: Configuration, **changes: object) -> Configuration:
    """Returns a copy of a configuration with other values in some fields."""
    return configuration.model_copy(update=changes)


def change_block(
    configuration: Configuration,
    rng: np.random.Generator,
    change: Callable[[Block], dict[str, object]],
    *,
    suits: Callable[[Block], bool] = lambda _: True,
) -> Configuration | None:
    """Returns a copy in which `change` gives a random block other values; None if no block `suits`."""
    places = [at for at, block in enumerate(configuration.blocks) if suits(block)]
    if not places:
        return None
    at = places[rng.integers(len(places))]
    block = configuration.blocks[at]
    changed = block.model_copy(update=change(block))
    return with_changes(configuration, blocks=(*configuration.blocks[:at], changed, *configuration.blocks[at + 1 :]))


def another(value: _T, choices: Iterable[_T], rng: np.random.Generator) -> _T | None:
    """Returns a random choice other than `value`; None if there is none."""
    others = [choice for choice in choices if choice != value]
    return others[rng.integers(len(others))] if others else None


def step_along(value: int, choices: Sequence[int], rng: np.random.Generator) -> int:
    """Returns the next greater or the next smaller of ascending choices; the value itself at an end."""
    if rng.random() < 0.5:  # noqa: PLR2004 - up or down
        return next((choice for choice in choices if choice > value), value)
    return next((choice for choice in reversed(choices) if choice < value), value)


def scale(width: int, limits: tuple[int, int], rng: np.random.Generator) -> int:
    """Changes a width by one, up by about a third, or down by about a quarter, within the limits."""
    up, down = max(width + 1, round(width * 1.33)), min(width - 1, round(width * 0.75))
    return int(np.clip(rng.choice((width - 1, width + 1, up, down)), *limits))
