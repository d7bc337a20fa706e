"""Moves that change what a block joins: its skip and its branch.

`neighbours` repairs the result, so a move need not look at shapes.
"""

import numpy as np

from sparse_mcu.search.space.configuration import SQUEEZES, Block, Branch, Configuration
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.moves._editing import another, change_block, scale, step_along


def change_skip(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives a random block another skip, or none; returns None if the space contains no skips."""
    if not limits.skips:
        return None
    return change_block(configuration, rng, lambda block: {"skip": another(block.skip, ("none", *limits.skips), rng)})


def add_branch(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives a random block a branch of about half of its channels, which come on top; None if no block lacks one."""
    if not limits.branches:
        return None
    return change_block(
        configuration,
        rng,
        lambda block: {"branch": _branch(block, limits, rng)},
        suits=lambda block: block.branch is None,
    )


def remove_branch(configuration: Configuration, _limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Removes a random branch; returns None if there is none."""
    return change_block(configuration, rng, lambda _: {"branch": None}, suits=_has_branch)


def change_branch(configuration: Configuration, limits: Limits, rng: np.random.Generator) -> Configuration | None:
    """Gives a random branch another operator, another kernel or other channels; returns None if there is none."""

    def change(block: Block) -> dict[str, object]:
        branch = block.branch
        return {} if branch is None else {"branch": _changed(branch, limits, rng)}

    return change_block(configuration, rng, change, suits=_has_branch)


def _has_branch(block: Block) -> bool:
    return block.branch is not None


def _changed(branch: Branch, limits: Limits, rng: np.random.Generator) -> Branch:
    changes: tuple[dict[str, object], ...] = (
        _operation(limits, rng),
        {"kernel": step_along(branch.kernel, limits.kernels, rng)},
        {"channels": scale(branch.channels, limits.channels, rng)},
    )
    return branch.model_copy(update=changes[rng.integers(len(changes))])


def _branch(block: Block, limits: Limits, rng: np.random.Generator) -> Branch:
    channels = int(np.clip(block.channels // 2, *limits.channels))
    kernel = limits.kernels[rng.integers(len(limits.kernels))]
    return Branch.model_validate({**_operation(limits, rng), "kernel": kernel, "channels": channels})


def _operation(limits: Limits, rng: np.random.Generator) -> dict[str, object]:
    operator = limits.operators[rng.integers(len(limits.operators))]
    return {"operator": operator, "squeeze": SQUEEZES[rng.integers(2)] if operator == "downsampled" else None}
