"""The constants of a model, and the parameters of its quantisation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.node import Node


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """An array, and what it means: real = scale * (codes - zero_point), or the codes themselves.

    Attributes:
        codes: The stored numbers.
        scale: float64 [] or [channels]; None if the codes are plain numbers.
        zero_point: int64, with the shape of `scale`.
        axis: The axis of `codes` along which a per-channel scale runs.
    """

    codes: npt.NDArray[np.generic]
    scale: npt.NDArray[np.float64] | None = None
    zero_point: npt.NDArray[np.int64] | None = None
    axis: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.codes.shape

    def real(self) -> npt.NDArray[np.float64]:
        """Returns the real numbers that the array means."""
        if self.scale is None or self.zero_point is None:
            return self.codes.astype(np.float64)
        along = [1] * self.codes.ndim
        if self.scale.ndim:
            along[self.axis] = -1
        return (self.codes.astype(np.float64) - self.zero_point.reshape(along)) * self.scale.reshape(along)


Constants = dict[str, Constant]


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """The checked parameters of a QuantizeLinear or DequantizeLinear.

    Attributes:
        scale: float64 [] or [channels], finite and positive.
        zero_point: int64, with the shape of `scale`.
        dtype: The element type of the codes.
        axis: The axis as the node states it; it may be negative.
    """

    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]
    dtype: np.dtype[np.generic]
    axis: int


def affine_of(node: Node, scale: Constant | None, zero_point: Constant | None) -> Affine:
    """Checks and returns the parameters of a QuantizeLinear or DequantizeLinear.

    Raises:
        ModelError: They are missing, of odd shapes, or not constant.
        UnsupportedQuantizationError: A scale is not a positive number, or quantisation is blocked.
    """
    if scale is None or (zero_point is None and node.has_input(2)):
        raise node.malformed("its scale or zero point is no constant", fix="Use static quantisation.")
    zeros_given = np.zeros((), np.uint8) if zero_point is None else zero_point.codes
    if scale.codes.dtype.kind != "f" or zeros_given.dtype.kind not in "iu":
        raise node.malformed(f"scale of type {scale.codes.dtype} and zero point of type {zeros_given.dtype}")
    if node.attributes.integer("block_size", 0):
        raise UnsupportedQuantizationError(
            "blocked quantisation", where=node.where, fix="Quantise per tensor or per channel."
        )
    scales = _squeeze(scale.codes).astype(np.float64)
    if not np.all(np.isfinite(scales)) or np.any(scales <= 0):
        worst = scales[~(np.isfinite(scales) & (scales > 0))].flat[0] if scales.ndim else scales
        raise UnsupportedQuantizationError(
            f"scale {worst} is not a positive number", where=node.where, fix="Calibrate and quantise the model again."
        )
    zeros = _squeeze(zeros_given).astype(np.int64)
    if scales.ndim > 1 or (zeros.ndim and zeros.shape != scales.shape):
        raise node.malformed(f"scale of shape {list(scales.shape)} with zero point of shape {list(zeros.shape)}")
    zeros = np.broadcast_to(zeros, scales.shape)
    return Affine(scales, zeros, zeros_given.dtype, node.attributes.integer("axis", 1))


def _squeeze(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The array; a single element of any rank becomes a scalar."""
    return array.reshape(()) if array.size == 1 else array
