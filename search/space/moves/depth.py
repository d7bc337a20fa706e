"""Moves that add or remove layers."""

import numpy as np

from sparse_mcu.search.space.configuration import HEADS, MAX_BLOCKS, MAX_HIDDEN, Block, Configuration
from sparse_mcu.search.space.moves._editing import with_changes


def add_block(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Adds a padded 3x3 block at a random place; returns None if there are MAX_BLOCKS already."""
    if len(configuration.blocks) == MAX_BLOCKS:
        return None
    channels = configuration.blocks[-1].channels if configuration.blocks else int(rng.integers(2, 17))
    block = Block(operator="conv", kernel=3, channels=channels, padded=True, reduction="none")
    at = int(rng.integers(len(configuration.blocks) + 1))
    return with_changes(configuration, blocks=(*configuration.blocks[:at], block, *configuration.blocks[at:]))


def remove_block(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Removes a random block; returns None if there is none."""
    if not configuration.blocks:
        return None
    at = int(rng.integers(len(configuration.blocks)))
    blocks = (*configuration.blocks[:at], *configuration.blocks[at + 1 :])
    return with_changes(configuration, blocks=blocks, head=configuration.head if blocks else HEADS[0])


def toggle_hidden(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Adds a hidden dense layer if there are fewer than MAX_HIDDEN, else removes the last one."""
    if len(configuration.hidden) < MAX_HIDDEN:
        return with_changes(configuration, hidden=(*configuration.hidden, int(rng.integers(8, 33))))
    return with_changes(configuration, hidden=configuration.hidden[:-1])
