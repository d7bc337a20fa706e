"""Makes smaller spaces of a space, for the first two stages of SpArSe."""

from collections.abc import Sequence
from dataclasses import replace

from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import Space

_ROOM = 1.5


def without_pruning(space: Space) -> Space:
    """Returns the part of a space that is not pruned."""
    return replace(space, limits=space.limits.model_copy(update={"prunings": ()}))


def narrowed(space: Space, front: Sequence[Configuration]) -> Space:
    """Returns the part of a space that contains networks like those of a front.

    It keeps the operators and kernels that the front has, one block and one hidden layer more than its deepest
    networks, and widths that reach half as far again as its own. Images may be coarser than those of the front, since
    some networks are small enough on coarse images alone.

    Args:
        space: The space.
        front: Configurations of that space, at least one.
    """
    limits, blocks = space.limits, [block for each in front for block in each.blocks]
    hidden = [units for each in front for units in each.hidden]
    finest = min(each.input_pooling for each in front)
    changes: dict[str, object] = {
        "input_poolings": tuple(each for each in limits.input_poolings if each >= finest),
        "max_blocks": min(limits.max_blocks, max(len(each.blocks) for each in front) + 1),
        "max_hidden": min(limits.max_hidden, max(len(each.hidden) for each in front) + 1),
    }
    if blocks:
        kernels = {block.kernel for block in blocks}
        changes["kernels"] = tuple(k for k in limits.kernels if min(kernels) <= k <= max(kernels))
        changes["operators"] = tuple(each for each in limits.operators if each in {block.operator for block in blocks})
        changes["channels"] = _widened([block.channels for block in blocks], limits.channels)
    if hidden:
        changes["units"] = _widened(hidden, limits.units)
    return replace(space, limits=limits.model_copy(update=changes))


def _widened(widths: Sequence[int], limits: tuple[int, int]) -> tuple[int, int]:
    return max(limits[0], int(min(widths) / _ROOM)), min(limits[1], round(max(widths) * _ROOM))
