"""The one rounding rule of the project. It turns a 32-bit accumulator into int8.

    rescale(acc) = floor(((acc << left_shift) * multiplier + 2**31) / 2**32)

There is one rounding, half up, with a 31-bit multiplier. Cores with the DSP extension do it in one instruction: SMMULR,
or SMMLAR if the zero point is added. M3 uses an SMULL. Rounding the multiplier moves the result by less than
|acc| / 2**33 LSB of the output. The result therefore equals that of real arithmetic, except for values within about
2**-10 LSB of a tie.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError

_MULTIPLIER_LIMIT = 2**31
_ACCUMULATOR_LIMIT = 2**31


@dataclass(frozen=True, slots=True, eq=False)
class Rescale:
    """A real factor per channel as a fixed-point number.

    Attributes:
        multiplier: int32 [channels], or [1] for all channels; each is in 0 .. 2**31 - 1.
        left_shift: By how many bits the accumulator is shifted first; the same for all channels.
    """

    multiplier: npt.NDArray[np.int32]
    left_shift: int

    def apply(self, accumulator: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rescales accumulators of shape [..., channels]. The result is not saturated yet."""
        product = (accumulator.astype(np.int64) << self.left_shift) * self.multiplier.astype(np.int64)
        return (product + 2**31) >> 32


def rescale_for(factors: npt.ArrayLike, accumulator_bound: int, *, where: str) -> Rescale:
    """Expresses real factors as a `Rescale` that cannot overflow.

    Args:
        factors: Real factors, one per channel; for a convolution scale_in * scale_w / scale_out.
        accumulator_bound: The largest |accumulator| that can occur. It limits the left shift.
        where: The node, for the message.

    Raises:
        UnsupportedQuantizationError: A factor is not a finite positive number, or it is so large that the shifted
            accumulator would not fit into 32 bits.
    """
    real = np.atleast_1d(np.asarray(factors, dtype=np.float64))
    if not np.all(np.isfinite(real)) or np.any(real <= 0):
        raise UnsupportedQuantizationError(
            f"rescale factor {real.min()} is not finite and positive",
            where=where,
            fix="Quantise the model again: every scale must be a positive number.",
        )
    left_shift = 0
    while np.rint(real.max() * 2.0 ** (32 - left_shift)) >= _MULTIPLIER_LIMIT:
        left_shift += 1
    if accumulator_bound << left_shift >= _ACCUMULATOR_LIMIT:
        raise UnsupportedQuantizationError(
            f"rescale factor {real.max():.6g} with accumulators up to {accumulator_bound} overflows 32 bits",
            where=where,
            fix="The output scale is far too small for its input; calibrate the model again.",
        )
    return Rescale(np.rint(real * 2.0 ** (32 - left_shift)).astype(np.int32), left_shift)
