"""Encodes configurations as vectors in the unit cube, for the surrogate.

Some parameters are inactive: a block that does not exist has no kernel. An inactive parameter must be equally far from
all values that it could have. The embedding of the Arc kernel does that (Swersky et al., "Raiders of the Lost
Architecture", 2014). An active value u in [0, 1] becomes the point (sin(pi u / 2), cos(pi u / 2)) of a circle, and an
inactive one becomes its centre (0, 0). For example, a kernel of 3 among 1 to 7 is u = 1/3 and becomes (0.50, 0.87).
A choice without an order becomes one-hot, and all zero if it is inactive.

Three derived quantities follow: weights, multiply-accumulates and working memory, on logarithmic scales. Costs depend
on them more directly than on the choices.
"""

from collections.abc import Iterable
from math import cos, log, pi, sin

import numpy as np
import numpy.typing as npt

from sparse_mcu.search.space.configuration import (
    HEADS,
    OPERATORS,
    PRUNING_KINDS,
    REDUCTIONS,
    SKIPS,
    SQUEEZES,
    Block,
    Configuration,
    Convolution,
    LeverChoice,
    Pruning,
)
from sparse_mcu.search.space.limits import Limits
from sparse_mcu.search.space.space import Space, build_architecture

DERIVED = 3


def encode(configuration: Configuration, space: Space) -> npt.NDArray[np.float64]:
    """Returns a configuration as a vector of fixed length with entries in [0, 1]; the last DERIVED are derived."""
    limits = space.limits
    blocks = [*configuration.blocks, *[None] * (limits.max_blocks - len(configuration.blocks))]
    hidden = [*configuration.hidden, *[None] * (limits.max_hidden - len(configuration.hidden))]
    values = [
        _share(configuration.input_pooling, limits.input_poolings),
        len(configuration.blocks) / max(limits.max_blocks, 1),
        *_one_hot(HEADS, configuration.head if configuration.blocks else None),
        *(value for block in blocks for value in _encode_block(block, limits)),
        *(value for units in hidden for value in _arc(None if units is None else _log_unit(units, limits.units))),
        *_encode_pruning(configuration.pruning, limits),
        *_encode_augmentation(configuration.augmentation, limits),
        *_encode_levers(configuration.levers, limits),
        *_derived(configuration, space),
    ]
    return np.array(values)


def _encode_block(block: Block | None, limits: Limits) -> list[float]:
    if block is None:
        return [0.0] * _BLOCK_LENGTH
    return [
        *_encode_convolution(block, limits),
        *_one_hot((False, True), block.padded),
        *_one_hot(REDUCTIONS, block.reduction),
        *_one_hot(SKIPS, block.skip),
        *_encode_convolution(block.branch, limits),
    ]


def _encode_convolution(convolution: Convolution | None, limits: Limits) -> list[float]:
    if convolution is None:
        return [0.0] * _CONVOLUTION_LENGTH
    return [
        *_one_hot(OPERATORS, convolution.operator),
        *_arc(_share(convolution.kernel, limits.kernels)),
        *_arc(_log_unit(convolution.channels, limits.channels)),
        *_one_hot(SQUEEZES, convolution.squeeze),
    ]


def _encode_pruning(pruning: Pruning | None, limits: Limits) -> list[float]:
    """Returns the kind, then a strength for each kind, of which one is active at most."""
    kind = None if pruning is None else pruning.kind
    strengths = [
        _log_unit(pruning.strength, limits.strengths(each)) if pruning and each == kind else None
        for each in PRUNING_KINDS
    ]
    return [*_one_hot(PRUNING_KINDS, kind), *(value for each in strengths for value in _arc(each))]


def _encode_augmentation(strength: float | None, limits: Limits) -> tuple[float, float]:
    """Returns the strength; it is inactive where the recipe's applies."""
    return _arc(None if strength is None else _share(strength, limits.augmentations))


def _encode_levers(levers: LeverChoice, limits: Limits) -> list[float]:
    factor = _share(levers.max_recompute, (1.0, *limits.recomputes)) if levers.streaming else None
    return [float(levers.fused_pools), float(levers.streaming), *_arc(factor)]


def _derived(configuration: Configuration, space: Space) -> list[float]:
    architecture = build_architecture(configuration, space.task)
    return [
        min(1.0, _log_unit(architecture.weights, (1, space.limits.max_weights))),
        min(1.0, _log_unit(architecture.macs, (1, space.limits.max_macs))),
        min(1.0, _log_unit(architecture.working_memory, (1, space.limits.max_macs))),
    ]


def _arc(unit: float | None) -> tuple[float, float]:
    return (0.0, 0.0) if unit is None else (sin(pi / 2 * unit), cos(pi / 2 * unit))


def _one_hot(choices: Iterable[object], chosen: object) -> list[float]:
    return [float(choice == chosen) for choice in choices]


def _share(value: float, choices: tuple[float, ...]) -> float:
    """Returns where a value lies between the least choice (0) and the greatest (1)."""
    span = choices[-1] - choices[0]
    return (value - choices[0]) / span if span else 0.0


def _log_unit(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return log(value / low) / log(high / low) if high > low else 0.0


_CONVOLUTION_LENGTH = len(OPERATORS) + 2 + 2 + len(SQUEEZES)
_BLOCK_LENGTH = 2 * _CONVOLUTION_LENGTH + 2 + len(REDUCTIONS) + len(SKIPS)
