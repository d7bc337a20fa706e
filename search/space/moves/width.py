"""Moves that make layers wider or narrower."""

import numpy as np

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import change_block, scale, with_changes


def change_channels(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Widens or narrows a random block."""
    return change_block(configuration, rng, lambda block: {"channels": scale(block.channels, limits.channels, rng)})


def change_hidden(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Widens or narrows a random hidden dense layer; returns None if there is none."""
    if not configuration.hidden:
        return None
    at = int(rng.integers(len(configuration.hidden)))
    units = scale(configuration.hidden[at], limits.units, rng)
    return with_changes(configuration, hidden=(*configuration.hidden[:at], units, *configuration.hidden[at + 1 :]))
