"""Maps points of the unit cube to configurations whose shapes go together, for `Space.decode`.

A coordinate u chooses among n options the one with the index floor(n u), and the last one if u = 1. A width between low
and high is low * (high / low)**u, rounded. Coordinates of absent parts have no effect.

Parts that most good networks do without are rare. A coordinate u turns such a part on if u >= 1 - share, and the shares
of blocks or configurations are the constants of this module. The place of u in that range then chooses among the
options.
"""

from collections.abc import Callable, Iterable, Iterator
from math import exp, log
from typing import TypeVar

from sparse_mcu.search.space.architecture import IMAGE, Shape
from sparse_mcu.search.space.blocks import block_layers
from sparse_mcu.search.space.configuration import (
    HEADS,
    NO_LEVERS,
    REDUCTIONS,
    SQUEEZES,
    Block,
    BlockOperator,
    Branch,
    Configuration,
    LeverChoice,
    Pruning,
    Skip,
    Squeeze,
)
from sparse_mcu.search.space.joining import can_skip, fitted
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.task import Task

SKIPPING = 0.3
"""The share of blocks with a skip, among those that can have one."""
BRANCHING = 0.2
"""The share of blocks with a branch, among those that can have one."""
PRUNED = 0.15
"""The share of configurations that are pruned."""
AUGMENTED = 0.3
"""The share of configurations with an augmentation of their own."""
LEVERED = 0.5
"""The share of configurations with levers, among those with blocks."""

_BLOCK_COORDINATES = 11
_OPTION_COORDINATES = 4

_T = TypeVar("_T")
_Draw = Callable[[], float]


def dimensions(limits: Limits) -> int:
    """Returns how many coordinates `decode_point` takes."""
    return 2 + limits.max_blocks * _BLOCK_COORDINATES + 2 + limits.max_hidden + _OPTION_COORDINATES


def decode_point(point: Iterable[float], task: Task, limits: Limits) -> Configuration:
    """Returns the configuration of a point. Its network may be too large.

    Args:
        point: The coordinates, each in [0, 1]: the input pooling, the number of blocks, eleven for each block
            (operator, kernel, channels, padding, reduction, squeeze, skip, branch, and the branch's kernel, channels
            and squeeze), the head, the number of hidden layers, the units of each, and then pruning, its strength,
            augmentation and levers.
        task: The shape of the images.
        limits: What configurations choose from.
    """
    values = iter(point)

    def draw() -> float:
        return next(values)

    pooling = _pick(poolings(task, limits), draw())
    shape: Shape = (task.shape[0], task.shape[1] // pooling, task.shape[2] // pooling)
    blocks = tuple(_blocks(draw, shape, limits))
    head = _pick(HEADS, draw()) if blocks else "flatten"
    hidden_layers = _pick(range(limits.max_hidden + 1), draw())
    units = [_log_pick(limits.units, draw()) for _ in range(limits.max_hidden)]
    pruning = _pruning(draw(), draw(), limits)
    return Configuration(
        input_pooling=pooling,
        blocks=blocks,
        head=head,
        hidden=tuple(units[:hidden_layers]),
        pruning=pruning,
        augmentation=_rare(limits.augmentations, AUGMENTED, draw()),
        levers=_rare(lever_choices(blocks, limits), LEVERED, draw()) or NO_LEVERS,
    )


def poolings(task: Task, limits: Limits) -> list[int]:
    """Returns the input poolings that leave at least 4x4 pixels; the least one alone if there are none."""
    sides = limits.input_poolings
    return [pooling for pooling in sides if min(task.shape[1:]) >= 4 * pooling] or [sides[0]]


def lever_choices(blocks: tuple[Block, ...], limits: Limits) -> list[LeverChoice]:
    """Returns the choices of levers that can change the RAM of a network with these blocks.

    Without blocks there is no map to stream, and without max pooling no pool to fuse.
    """
    pools = any(block.reduction == "max" for block in blocks)
    return [choice for choice in limits.lever_choices if blocks and (pools or not choice.fused_pools)]


def _blocks(draw: _Draw, shape: Shape, limits: Limits) -> Iterator[Block]:
    depth = _pick(range(limits.max_blocks + 1), draw())
    for index in range(limits.max_blocks):
        block = _block(shape, [draw() for _ in range(_BLOCK_COORDINATES)], limits)
        if index < depth:
            yield block
            shape = block_layers(block, IMAGE, shape, "")[-1].output_shape


def _block(shape: Shape, point: list[float], limits: Limits) -> Block:
    operator, kernel, channels, padded, reduction, squeeze, skip, *beside = point
    side, kernels = min(shape[1:]), limits.kernels
    chosen_padded = _pick((False, True), padded) if side >= kernels[0] else True
    chosen_kernel = _pick([k for k in kernels if chosen_padded or k <= side], kernel)
    halved = side if chosen_padded else side - chosen_kernel + 1
    reductions = REDUCTIONS if halved >= 2 else REDUCTIONS[:1]  # noqa: PLR2004 - a map of 1x1 cannot be halved
    chosen_operator = _pick(limits.operators, operator)
    block = Block(
        operator=chosen_operator,
        kernel=chosen_kernel,
        channels=_log_pick(limits.channels, channels),
        padded=chosen_padded,
        reduction=_pick(reductions, reduction),
        squeeze=_squeeze(chosen_operator, squeeze),
    )
    block = block.model_copy(update={"branch": _branch(block, beside, limits)})
    return fitted(block.model_copy(update={"skip": _skip(block, shape[0], skip, limits)}), shape[0], limits)


def _squeeze(operator: BlockOperator, unit: float) -> Squeeze | None:
    return _pick(SQUEEZES, unit) if operator == "downsampled" else None


def _branch(block: Block, point: list[float], limits: Limits) -> Branch | None:
    """Returns a branch whose output has the height and the width of the block's convolution; None for no branch."""
    presence, kernel, channels, squeeze = point
    kernels = limits.kernels if block.padded else (block.kernel,)
    like = [k for k in kernels if k != block.kernel] if block.operator == "conv" else list(kernels)
    operators = [each for each in limits.operators if each != "conv" or like] if limits.branches else []
    operator = _rare(operators, BRANCHING, presence)
    if operator is None:
        return None
    return Branch(
        operator=operator,
        kernel=_pick(like if operator == "conv" else kernels, kernel),
        channels=_log_pick(limits.channels, channels),
        squeeze=_squeeze(operator, squeeze),
    )


def _skip(block: Block, inputs: int, unit: float, limits: Limits) -> Skip:
    """Returns a skip that suits a block with so many input channels."""
    return _rare([skip for skip in limits.skips if can_skip(block, skip, inputs, limits)], SKIPPING, unit) or "none"


def _pruning(presence: float, unit: float, limits: Limits) -> Pruning | None:
    kind = _rare(limits.prunings, PRUNED, presence)
    if kind is None:
        return None
    least, most = limits.strengths(kind)
    strength = least + unit * (most - least) if kind == "magnitude" else least * (most / least) ** unit
    return Pruning(kind=kind, strength=rounded(strength, (least, most)))


def rounded(strength: float, limits: tuple[float, float]) -> float:
    """Returns a strength with two digits, within the limits."""
    return min(max(float(f"{strength:.2g}"), limits[0]), limits[1])


def _rare(options: Iterable[_T], share: float, unit: float) -> _T | None:
    """Returns None for the first part of [0, 1], and one of the options for the last part of length `share`."""
    choices = tuple(options)
    return _pick(choices, (unit - 1 + share) / share) if choices and unit >= 1 - share else None


def _pick(choices: Iterable[_T], unit: float) -> _T:
    options = tuple(choices)
    return options[min(int(unit * len(options)), len(options) - 1)]


def _log_pick(limits: tuple[int, int], unit: float) -> int:
    low, high = limits
    return min(high, max(low, round(low * exp(unit * log(high / low)))))
