"""Copies a configuration with a change, for all moves."""

from collections.abc import Callable

import numpy as np

from sparse_mcu.search.space.configuration import Block, Configuration


def with_changes(configuration: Configuration, **changes: object) -> Configuration:
    """Returns a copy of a configuration with other values in some fields."""
    return configuration.model_copy(update=changes)


def change_block(
    configuration: Configuration, rng: np.random.Generator, change: Callable[[Block], dict[str, object]]
) -> Configuration | None:
    """Returns a copy in which `change` gives a random block other values; None if there is no block."""
    if not configuration.blocks:
        return None
    at = int(rng.integers(len(configuration.blocks)))
    block = configuration.blocks[at]
    changed = block.model_copy(update=change(block))
    return with_changes(configuration, blocks=(*configuration.blocks[:at], changed, *configuration.blocks[at + 1 :]))


def scale(width: int, limits: tuple[int, int], rng: np.random.Generator) -> int:
    """Changes a width by one, up by about a third, or down by about a quarter, within the limits."""
    up, down = max(width + 1, round(width * 1.33)), min(width - 1, round(width * 0.75))
    return int(np.clip(rng.choice((width - 1, width + 1, up, down)), *limits))
