"""Rescales on a core that only multiplies 32 x 32 -> 32 bits: it multiplies by parts of the multiplier.

    floor((a * m + 2^31) / 2^32) = floor((a * high + floor(a * low / 2^bits) + 2^(31 - bits)) / 2^(32 - bits))

for m = high * 2^bits + low. The two are equal because the floor of an integer's quotient may be taken in two steps.
Each product must fit 32 bits. Whether it does follows from the largest accumulator that int8 inputs can give.
"""

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, Dense, Operator, Requantize

_LIMIT = 2**31
_INPUT_SPAN = 255  # |x - zero point|
_INPUT_MIN, _INPUT_MAX = -128, 127
_MOST_BITS = 15
_FEWEST_BITS = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """Describes a multiplier as 2 or 3 numbers.

    Attributes:
        count: How many numbers.
        bits: Bits of each number but the highest.
    """

    count: int
    bits: int

    def fit(self, accumulator: int, multiplier: int) -> bool:
        """Whether nothing overflows for values up to `accumulator` and `multiplier`, and any zero point of outputs."""
        below = self.bits * (self.count - 1)
        rounded = 257 << (31 - below)  # half, and a zero point of -128 .. 127
        return accumulator << self.bits < _LIMIT and accumulator * ((multiplier >> below) + 1) + rounded < _LIMIT


def parts_of(operator: Operator, zero_point: int, core: Core) -> Parts | None:
    """Returns the fewest parts for `operator`; None if the core has a long multiplication, or if no parts fit.

    Args:
        operator: The operator whose accumulator is rescaled.
        zero_point: The zero point of its input.
        core: The core that runs it.
    """
    if core.architecture != "armv6-m" or not isinstance(operator, Conv2d | Dense | AveragePool2d | Requantize):
        return None
    largest = accumulator_bound(operator, zero_point) << operator.rescale.left_shift
    multiplier = int(operator.rescale.multiplier.max())
    choices = (Parts(count, bits) for count, bits in product((2, 3), range(_MOST_BITS, _FEWEST_BITS - 1, -1)))
    return next((parts for parts in choices if parts.fit(largest, multiplier)), None)


def accumulator_bound(operator: Conv2d | Dense | AveragePool2d | Requantize, zero_point: int) -> int:
    """Returns the largest |accumulator| that int8 inputs can give."""
    if isinstance(operator, Requantize):
        return _INPUT_SPAN
    if isinstance(operator, AveragePool2d):
        return _INPUT_SPAN * prod(operator.window.kernel)
    weights = operator.weights.reshape(operator.bias.size, -1).astype(np.int64)
    ends = weights * (_INPUT_MIN - zero_point), weights * (_INPUT_MAX - zero_point)
    highest = operator.bias + np.maximum(*ends).sum(axis=1)
    lowest = operator.bias + np.minimum(*ends).sum(axis=1)
    return int(max(np.abs(highest).max(), np.abs(lowest).max()))
