"""What the kernels that multiply and accumulate have in common: constants and blocking."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.devices.types import Core
from costmodel.graph.requantization import Rescale
from simulation.firmware.source import Constant

_PAIR_LIMIT = 2**16
_ACCUMULATOR_LIMIT = 2**31
_INPUT_SPAN = 2**8


@dataclass(frozen=True, slots=True)
class Blocking:
    """How many output channels share each load of the input.

    Attributes:
        channels: Channels computed together; each has an accumulator in a register.
        overlaps: Whether the last block starts early, and computes some channels a second time.
    """

    channels: int
    overlaps: bool


ONE_CHANNEL = Blocking(1, overlaps=False)


def blocking_of(channels: int, core: Core) -> Blocking:
    """The cheapest blocking: an input load costs about as much as one channel's share of the work."""
    widest = 4 if core.has_it_blocks else 2

    def cost(width: int) -> int:
        return -(-channels // width) * (width + 1)

    best = min(range(min(widest, channels), 0, -1), key=cost)
    return Blocking(best, overlaps=channels % best != 0)


@dataclass(frozen=True, slots=True, eq=False)
class Bias:
    """A bias, with the input's zero point multiplied in where that is exact.

    Attributes:
        values: int32 [channels].
        zero_point: What the code must still subtract from each input value.
    """

    values: npt.NDArray[np.int32]
    zero_point: int

    @property
    def zero_pair(self) -> int:
        """-zero_point twice, as two int16 in a word."""
        half = -self.zero_point % _PAIR_LIMIT
        return half * _PAIR_LIMIT + half


def bias_of(
    bias: npt.NDArray[np.int32], weights: npt.NDArray[np.int8], zero_point: int, *, every_tap_counts: bool
) -> Bias:
    """Fold sum((x - zero_point) * w) = sum(x * w) - zero_point * sum(w) into the bias.

    Args:
        bias: int32 [channels].
        weights: int8 [channels, ...].
        zero_point: Of the input.
        every_tap_counts: Whether no output skips a weight, as those at a padded border do.
    """
    axes = tuple(range(1, weights.ndim))
    wide = weights.astype(np.int64)
    folded = bias.astype(np.int64) - zero_point * wide.sum(axis=axes)
    reach = np.abs(bias.astype(np.int64)) + _INPUT_SPAN * np.abs(wide).sum(axis=axes)
    if every_tap_counts and reach.max() < _ACCUMULATOR_LIMIT:
        return Bias(folded.astype(np.int32), 0)
    return Bias(bias, zero_point)


def accumulation_constants(
    weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int32], rescale: Rescale
) -> tuple[Constant, ...]:
    """Weights, bias and one multiplier per channel, as the kernels read them."""
    multipliers = np.broadcast_to(rescale.multiplier, bias.shape)
    return (
        Constant("weights", np.ascontiguousarray(weights), "weights"),
        Constant("bias", np.ascontiguousarray(bias, dtype=np.int32), "constants"),
        Constant("multiplier", np.ascontiguousarray(multipliers, dtype=np.int32), "constants"),
    )
