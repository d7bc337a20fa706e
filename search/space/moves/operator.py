"""Moves that change the operation of a block."""

import numpy as np

from sparse_mcu.search.space.configuration import REDUCTIONS, SQUEEZES, Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import change_block, step_along


def change_operator(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives a random block a random kind of convolution."""
    operator = limits.operators[rng.integers(len(limits.operators))]
    squeeze = SQUEEZES[rng.integers(len(SQUEEZES))] if operator == "downsampled" else None
    return change_block(configuration, rng, lambda _: {"operator": operator, "squeeze": squeeze})


def change_kernel(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Makes the kernel of a random block the next larger or the next smaller one."""
    return change_block(configuration, rng, lambda block: {"kernel": step_along(block.kernel, limits.kernels, rng)})


def change_padding(configuration: Configuration, _limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Adds a border of zeros to a random block, or removes it."""
    return change_block(configuration, rng, lambda block: {"padded": not block.padded})


def change_reduction(configuration: Configuration, _limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives a random block a random reduction of height and width."""
    reduction = REDUCTIONS[rng.integers(len(REDUCTIONS))]
    return change_block(configuration, rng, lambda _: {"reduction": reduction})
