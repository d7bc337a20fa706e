"""Prepares what all kernels need that multiply and accumulate: their constants and their blocking."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.graph.operators import Conv2d, Dense
from sparse_mcu.costmodel.memory.model.access import AccessPattern
from sparse_mcu.simulation.firmware.source import Constant

_PAIR_LIMIT = 2**16
_ACCUMULATOR_LIMIT = 2**31
_INPUT_SPAN = 2**8


@dataclass(frozen=True, slots=True)
class Blocking:
    """Tells how many output channels share each load of the input.

    Attributes:
        channels: Channels that are computed together. Each has an accumulator in a register.
        overlaps: Whether the last block starts early and computes some channels a second time.
    """

    channels: int
    overlaps: bool

    def access(self, channels: int, groups: int = 1, group_in: int = 0) -> AccessPattern:
        """Returns the order of access of one output pixel, as the macro channel_blocks makes it.

        Each block reads the inputs of its group and is then written.

        Args:
            channels: Output channels.
            groups: How many groups they form.
            group_in: Input channels of each group.
        """
        first = np.arange(0, channels, self.channels, dtype=np.int64)
        if self.overlaps:
            first = np.minimum(first, channels - self.channels)
        return AccessPattern(first // (channels // groups) * group_in, first + self.channels)


ONE_CHANNEL = Blocking(1, overlaps=False)


def blocking_of(channels: int, core: Core) -> Blocking:
    """Chooses the cheapest blocking. Loading an input costs about as much as one channel's share of the work."""
    widest = 4 if core.has_it_blocks else 2

    def cost(width: int) -> int:
        return -(-channels // width) * (width + 1)

    best = min(range(min(widest, channels), 0, -1), key=cost)
    return Blocking(best, overlaps=channels % best != 0)


@dataclass(frozen=True, slots=True, eq=False)
class Accumulation:
    """Holds the constants of out = clamp(zero_out + rescale(bias + sum((x - zero_point) * w))) as the code uses them.

    Attributes:
        weights: int8, in the order in which the kernel reads them.
        bias: int32 [channels].
        multipliers: int32 [channels].
        zero_point: What the code must subtract from each input value; 0 if the bias already accounts for it.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multipliers: npt.NDArray[np.int32]
    zero_point: int

    @property
    def zero_pair(self) -> int:
        """-zero_point twice, as two int16 in a word."""
        half = -self.zero_point % _PAIR_LIMIT
        return half * _PAIR_LIMIT + half

    @property
    def common_multiplier(self) -> int | None:
        """The multiplier, if all channels have the same; the code then holds it as a literal. Otherwise None."""
        first = int(self.multipliers[0])
        return first if np.all(self.multipliers == first) else None

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The arrays in flash."""
        weights = Constant("weights", np.ascontiguousarray(self.weights), "weights")
        bias = Constant("bias", self.bias, "constants")
        if self.common_multiplier is not None:
            return weights, bias
        return weights, bias, Constant("multiplier", self.multipliers, "constants")


def accumulation_of(
    operator: Conv2d | Dense,
    zero_point: int,
    *,
    every_tap_counts: bool,
    weights: npt.NDArray[np.int8] | None = None,
) -> Accumulation:
    """Folds the zero point into the bias where that is exact: sum((x - z) * w) = sum(x * w) - z * sum(w).

    It is exact if no output skips a weight and if no sum can leave 32 bits.

    Args:
        operator: The convolution or dense layer.
        zero_point: The zero point of the input.
        every_tap_counts: Whether every output uses all weights. Outputs at a padded border may skip some.
        weights: The weights as the kernel stores them; None for the operator's own order.
    """
    stored = operator.weights if weights is None else weights
    multipliers = np.ascontiguousarray(np.broadcast_to(operator.rescale.multiplier, operator.bias.shape))
    wide = operator.weights.reshape(operator.bias.size, -1).astype(np.int64)
    bias = operator.bias.astype(np.int64)
    reach = np.abs(bias) + _INPUT_SPAN * np.abs(wide).sum(axis=1)
    if every_tap_counts and reach.max() < _ACCUMULATOR_LIMIT:
        folded = (bias - zero_point * wide.sum(axis=1)).astype(np.int32)
        return Accumulation(stored, folded, multipliers, 0)
    return Accumulation(stored, operator.bias, multipliers, zero_point)
