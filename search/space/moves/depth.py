"""Moves that add or remove layers."""

import numpy as np

from sparse_mcu.search.space.configuration import HEADS, SQUEEZES, Block, Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import with_changes


def add_block(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Adds a padded block of about 3x3 at a random place; returns None if there are `max_blocks` already."""
    if len(configuration.blocks) >= limits.max_blocks:
        return None
    channels = configuration.blocks[-1].channels if configuration.blocks else int(rng.integers(2, 17))
    operator = limits.operators[0]
    block = Block(
        operator=operator,
        kernel=min(limits.kernels, key=lambda kernel: abs(kernel - 3)),
        channels=int(np.clip(channels, *limits.channels)),
        padded=True,
        reduction="none",
        squeeze=SQUEEZES[0] if operator == "downsampled" else None,
    )
    at = int(rng.integers(len(configuration.blocks) + 1))
    return with_changes(configuration, blocks=(*configuration.blocks[:at], block, *configuration.blocks[at:]))


def remove_block(configuration: Configuration, _limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Removes a random block; returns None if there is none."""
    if not configuration.blocks:
        return None
    at = int(rng.integers(len(configuration.blocks)))
    blocks = (*configuration.blocks[:at], *configuration.blocks[at + 1 :])
    return with_changes(configuration, blocks=blocks, head=configuration.head if blocks else HEADS[0])


def add_hidden(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Adds a hidden dense layer after the others; returns None if there are `max_hidden` already."""
    if len(configuration.hidden) >= limits.max_hidden:
        return None
    units = int(np.clip(rng.integers(8, 33), *limits.units))
    return with_changes(configuration, hidden=(*configuration.hidden, units))


def remove_hidden(configuration: Configuration, _limits: Limits, _rng: np.random.Generator) -> Configuration | None:
    """Removes the last hidden dense layer; returns None if there is none."""
    if not configuration.hidden:
        return None
    return with_changes(configuration, hidden=configuration.hidden[:-1])
