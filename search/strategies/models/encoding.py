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

from sparse_mcu.search.space.configuration import HEADS, OPERATORS, REDUCTIONS, SQUEEZES, Block, Configuration
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
        *_derived(configuration, space),
    ]
    return np.array(values)


def _encode_block(block: Block | None, limits: Limits) -> list[float]:
    if block is None:
        return [0.0] * _BLOCK_LENGTH
    return [
        *_one_hot(OPERATORS, block.operator),
        *_arc(_share(block.kernel, limits.kernels)),
        *_arc(_log_unit(block.channels, limits.channels)),
        *_one_hot((False, True), block.padded),
        *_one_hot(REDUCTIONS, block.reduction),
        *_one_hot(SQUEEZES, block.squeeze),
    ]


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


def _share(value: int, choices: tuple[int, ...]) -> float:
    """Returns where a value lies between the least choice (0) and the greatest (1)."""
    return (value - choices[0]) / max(choices[-1] - choices[0], 1)


def _log_unit(value: int, limits: tuple[int, int]) -> float:
    low, high = limits
    return log(value / low) / log(high / low) if high > low else 0.0


_BLOCK_LENGTH = len(OPERATORS) + 2 + 2 + 2 + len(REDUCTIONS) + len(SQUEEZES)
