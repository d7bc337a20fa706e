"""Changes configurations a little. The strategy proposes neighbours of good configurations.

Each move is a function in the module of its family, and MOVES lists them all. To add a move, write it there, list it
here, and test it in tests/search/space/moves.
"""

from collections.abc import Callable

import numpy as np

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves.connections import add_branch, change_branch, change_skip, remove_branch
from sparse_mcu.search.space.moves.depth import add_block, add_hidden, remove_block, remove_hidden
from sparse_mcu.search.space.moves.ends import change_head, change_input_pooling
from sparse_mcu.search.space.moves.operator import change_kernel, change_operator, change_padding, change_reduction
from sparse_mcu.search.space.moves.options import change_augmentation, change_levers, change_pruning
from sparse_mcu.search.space.moves.width import change_channels, change_hidden
from sparse_mcu.search.space.space import Space

Move = Callable[[Configuration, Limits, np.random.Generator], Configuration | None]

_ATTEMPTS = 50

MOVES: tuple[Move, ...] = (
    add_block,
    remove_block,
    change_operator,
    change_kernel,
    change_channels,
    change_padding,
    change_reduction,
    change_input_pooling,
    change_head,
    change_hidden,
    add_hidden,
    remove_hidden,
    change_skip,
    add_branch,
    remove_branch,
    change_branch,
    change_pruning,
    change_augmentation,
    change_levers,
)


def neighbours(
    configuration: Configuration, space: Space, rng: np.random.Generator, count: int
) -> tuple[Configuration, ...]:
    """Draws up to `count` different networks that are one move away, admitted and in canonical form.

    A move may leave a skip or a branch whose shapes do not go together. Such a configuration is repaired first.
    There are fewer if 50 random moves for each one that is wanted do not find as many.
    """
    center = space.canonical(configuration)
    found: dict[Configuration, None] = {}
    for _ in range(_ATTEMPTS * count):
        if len(found) == count:
            break
        network = moved(configuration, MOVES[rng.integers(len(MOVES))], space, rng)
        if network is not None:
            found[network] = None
            found.pop(center, None)
    return tuple(found)


def moved(configuration: Configuration, move: Move, space: Space, rng: np.random.Generator) -> Configuration | None:
    """Returns what a move makes of a network, in canonical form; None if the space does not admit it.

    A skip or a branch whose shapes do not go together afterwards is repaired.
    """
    changed = move(configuration, space.limits, rng)
    whole = None if changed is None else space.repaired(changed)
    return space.canonical(whole) if whole is not None and space.admits(whole) else None
