"""Expresses layers that accumulate products, i.e. Conv and Dense, in integers.

acc = bias + sum((x - zero_in) * w), real = scale_in * scale_w[channel] * acc.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.limits import MAX_CHANNELS
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.requantization import Rescale, rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization

_BIAS_LIMIT = 2.0**28
_ACCUMULATOR_LIMIT = 2.0**31

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class AccumulatorLayer:
    """The integers of a layer.

    Attributes:
        weights: int8 [out_channels, ...], in the axes of the given weights.
        bias: int32 [out_channels].
        rescale: From units of the accumulator to units of the output.
    """

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    rescale: Rescale


def accumulator_layer(
    node: Node,
    weights: Constant,
    bias: npt.NDArray[np.float64],
    quantization_in: Quantization,
    quantization_out: Quantization,
) -> AccumulatorLayer:
    """Expresses a layer in integers.

    Args:
        node: The node, for messages.
        weights: The quantised weights, output channels first.
        bias: The bias in real numbers [out_channels].
        quantization_in: The quantisation of the input.
        quantization_out: The quantisation of the output.

    Raises:
        ModelError: The bias holds NaN or infinity.
        UnsupportedQuantizationError: The weights are not symmetric int8, or an accumulator could leave 32 bits.
    """
    codes, scale = _symmetric(node, weights)
    if not np.all(np.isfinite(bias)):
        raise node.malformed("its bias holds NaN or infinity", fix="Train or export the model again.")
    reach = max(127 - quantization_in.zero_point, 128 + quantization_in.zero_point)
    unit = quantization_in.scale * scale
    coarser = _coarser(codes, bias / unit, unit / quantization_out.scale, reach)
    if np.any(coarser > 1):
        _log.debug("%s: %d channels get coarser weights for their bias", node.where, np.count_nonzero(coarser > 1))
    unit = unit * coarser
    along = (-1,) + (1,) * (codes.ndim - 1)
    codes = np.rint(codes / coarser.reshape(along)).astype(np.int8)
    magnitudes = np.abs(codes.astype(np.int16)).sum(axis=_taps(codes), dtype=np.int64)
    bound = float((np.abs(bias / unit) + magnitudes * reach).max()) + 1
    if bound >= _ACCUMULATOR_LIMIT:
        raise UnsupportedQuantizationError(
            f"accumulators up to {bound:.0f} overflow 32 bits",
            where=node.where,
            fix="Split the layer's input channels.",
        )
    rescale = rescale_for(unit / quantization_out.scale, int(bound), where=node.where)
    return AccumulatorLayer(codes, np.rint(bias / unit).astype(np.int32), rescale)


def _coarser(
    codes: npt.NDArray[np.int8], bias: npt.NDArray[np.float64], factor: npt.NDArray[np.float64], reach: int
) -> npt.NDArray[np.float64]:
    """Powers of two [out_channels] by which the scales of the weights should grow for the least error.

    It is 1 for most channels. In a pruned or dying channel the bias is so large against the weights that the multiplier
    keeps few bits. There a coarser scale costs the weights less precision than the bias gains.

    Args:
        codes: int8 weights, output channels first.
        bias: The bias in units of the accumulator.
        factor: Units of the output per unit of the accumulator.
        reach: The largest |x - zero_in|.
    """
    taps = np.count_nonzero(codes, axis=_taps(codes))
    magnitude = np.abs(bias) + np.abs(codes.astype(np.int16)).sum(axis=_taps(codes), dtype=np.int64) * reach
    # The error is of_multiplier / step + of_rounding * step. The second term counts only for a step above 1.
    of_multiplier = np.maximum(magnitude, 1.0) / 2.0**33
    of_rounding = factor / 2 * (1 + taps * reach)
    step = np.exp2(np.maximum(np.rint(np.log2(of_multiplier / of_rounding) / 2), 0.0))
    step = np.where(of_multiplier / step + of_rounding * step < of_multiplier, step, 1.0)
    needed = np.exp2(np.ceil(np.log2(np.maximum(np.abs(bias) / _BIAS_LIMIT, 1.0))))
    return np.maximum(step, needed)


def _taps(codes: npt.NDArray[np.int8]) -> tuple[int, ...]:
    """All axes but the output channels."""
    return tuple(range(1, codes.ndim))


def channels_first(node: Node, weights: Constant, axis: int) -> Constant:
    """Returns weights with the output channels at axis 0, and their scales along it.

    Raises:
        ModelError: There are more than `MAX_CHANNELS` output channels.
        UnsupportedQuantizationError: The weights are not quantised, or quantised per channel along another axis.
    """
    if weights.scale is None:
        raise UnsupportedQuantizationError(
            "its weights are float", where=node.where, fix="Quantise the weights: int8 and a DequantizeLinear."
        )
    if weights.scale.ndim and weights.axis != axis:
        raise UnsupportedQuantizationError(
            f"its weights are quantised along axis {weights.axis}, not along the output channels (axis {axis})",
            where=node.where,
            fix="Quantise per output channel or per tensor.",
        )
    if weights.shape[axis] > MAX_CHANNELS:
        raise node.malformed(
            f"{weights.shape[axis]} output channels, more than {MAX_CHANNELS}", fix="Shrink the layer."
        )
    return replace(weights, codes=np.moveaxis(weights.codes, axis, 0), axis=0)


def real_bias(node: Node, bias: Constant | None, channels: int) -> npt.NDArray[np.float64]:
    """Returns a bias as real numbers [channels]; zeros if there is none.

    Raises:
        ModelError: The bias holds integers without a scale, or its shape is not one number per channel.
    """
    if bias is None:
        return np.zeros(channels)
    if bias.scale is None and bias.codes.dtype.kind != "f":
        raise node.malformed(f"bias of type {bias.codes.dtype}", fix="Put a DequantizeLinear after an integer bias.")
    real = bias.real().reshape(-1)
    if real.size not in (1, channels) or (bias.shape and bias.shape[-1] != real.size):
        raise node.malformed(f"bias of shape {list(bias.shape)} for {channels} channels")
    return np.broadcast_to(real, (channels,)).astype(np.float64)


def _symmetric(node: Node, weights: Constant) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """The weights as int8 codes with zero point 0, and float64 scales [out_channels]."""
    if weights.scale is None or weights.zero_point is None or weights.codes.dtype.name not in ("int8", "uint8"):
        raise UnsupportedQuantizationError(
            f"weights of type {weights.codes.dtype}", where=node.where, fix="Quantise the weights to int8."
        )
    zero_point = weights.zero_point.reshape((-1,) + (1,) * (weights.codes.ndim - 1))
    codes = weights.codes.astype(np.int16) - zero_point.astype(np.int16)
    if codes.min(initial=0) < -128 or codes.max(initial=0) > 127:  # noqa: PLR2004 - the limits of int8
        raise UnsupportedQuantizationError(
            "its weights have a zero point other than 0",
            where=node.where,
            fix="Quantise weights symmetrically to int8, e.g. quantize_static(..., weight_type=QuantType.QInt8).",
        )
    scale = np.broadcast_to(weights.scale.reshape(-1), (weights.codes.shape[0],))
    return codes.astype(np.int8), scale.astype(np.float64)
