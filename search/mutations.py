"""Small changes to a configuration: where local proposals come from.

Each mutation is a function of its own, listed in MUTATIONS. The morphs of SpArSe, which also carry
weights over, take their place beside these.
"""

from collections.abc import Callable

import numpy as np

from sparse_mcu.search.space import (
    CHANNELS,
    HEADS,
    INPUT_POOLINGS,
    KERNELS,
    MAX_BLOCKS,
    MAX_HIDDEN,
    OPERATORS,
    REDUCTIONS,
    SQUEEZES,
    UNITS,
    Block,
    Configuration,
    Space,
)

Mutation = Callable[[Configuration, np.random.Generator], Configuration | None]

_ATTEMPTS = 50


def neighbours(
    configuration: Configuration, space: Space, rng: np.random.Generator, count: int
) -> tuple[Configuration, ...]:
    """Draw up to `count` different admitted configurations that are one mutation away."""
    found: dict[Configuration, None] = {}
    for _ in range(_ATTEMPTS * count):
        if len(found) == count:
            break
        mutation = MUTATIONS[rng.integers(len(MUTATIONS))]
        mutated = mutation(configuration, rng)
        if mutated is not None and mutated != configuration and space.admits(mutated):
            found[mutated] = None
    return tuple(found)


def add_block(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Put a small block anywhere."""
    if len(configuration.blocks) == MAX_BLOCKS:
        return None
    channels = configuration.blocks[-1].channels if configuration.blocks else int(rng.integers(2, 17))
    block = Block(operator="conv", kernel=3, channels=channels, padded=True, reduction="none")
    at = int(rng.integers(len(configuration.blocks) + 1))
    return _with(configuration, blocks=(*configuration.blocks[:at], block, *configuration.blocks[at:]))


def remove_block(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Take any block away."""
    if not configuration.blocks:
        return None
    at = int(rng.integers(len(configuration.blocks)))
    blocks = (*configuration.blocks[:at], *configuration.blocks[at + 1 :])
    return _with(configuration, blocks=blocks, head=configuration.head if blocks else HEADS[0])


def change_operator(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Give a block another kind of convolution."""
    operator = OPERATORS[rng.integers(len(OPERATORS))]
    squeeze = SQUEEZES[rng.integers(len(SQUEEZES))] if operator == "downsampled" else None
    return _change_block(configuration, rng, lambda _: {"operator": operator, "squeeze": squeeze})


def change_kernel(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Make a block's kernel larger or smaller by one."""
    step = int(rng.choice((-1, 1)))
    return _change_block(
        configuration, rng, lambda block: {"kernel": int(np.clip(block.kernel + step, KERNELS[0], KERNELS[-1]))}
    )


def change_channels(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Widen or narrow a block."""
    return _change_block(configuration, rng, lambda block: {"channels": _scale(block.channels, CHANNELS, rng)})


def change_padding(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Add or drop a block's border of zeros."""
    return _change_block(configuration, rng, lambda block: {"padded": not block.padded})


def change_reduction(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Halve a block's height and width in another way, or not."""
    reduction = REDUCTIONS[rng.integers(len(REDUCTIONS))]
    return _change_block(configuration, rng, lambda _: {"reduction": reduction})


def change_input_pooling(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Look at the image in another resolution."""
    return _with(configuration, input_pooling=INPUT_POOLINGS[rng.integers(len(INPUT_POOLINGS))])


def change_head(configuration: Configuration, _rng: np.random.Generator) -> Configuration | None:
    """Swap flattening and averaging."""
    return _with(configuration, head=next(head for head in HEADS if head != configuration.head))


def change_hidden(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Widen or narrow a hidden dense layer."""
    if not configuration.hidden:
        return None
    at = int(rng.integers(len(configuration.hidden)))
    units = _scale(configuration.hidden[at], UNITS, rng)
    return _with(configuration, hidden=(*configuration.hidden[:at], units, *configuration.hidden[at + 1 :]))


def toggle_hidden(configuration: Configuration, rng: np.random.Generator) -> Configuration | None:
    """Add a hidden dense layer where there is room, or take the last away."""
    if len(configuration.hidden) < MAX_HIDDEN:
        return _with(configuration, hidden=(*configuration.hidden, int(rng.integers(8, 33))))
    return _with(configuration, hidden=configuration.hidden[:-1])


MUTATIONS: tuple[Mutation, ...] = (
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
    toggle_hidden,
)


def _with(configuration: Configuration, **changes: object) -> Configuration:
    return configuration.model_copy(update=changes)


def _change_block(
    configuration: Configuration, rng: np.random.Generator, change: Callable[[Block], dict[str, object]]
) -> Configuration | None:
    if not configuration.blocks:
        return None
    at = int(rng.integers(len(configuration.blocks)))
    block = configuration.blocks[at]
    changed = block.model_copy(update=change(block))
    return _with(configuration, blocks=(*configuration.blocks[:at], changed, *configuration.blocks[at + 1 :]))


def _scale(width: int, limits: tuple[int, int], rng: np.random.Generator) -> int:
    """Change a width by one or by about a third, up or down."""
    up, down = max(width + 1, round(width * 1.33)), min(width - 1, round(width * 0.75))
    return int(np.clip(rng.choice((width - 1, width + 1, up, down)), *limits))
