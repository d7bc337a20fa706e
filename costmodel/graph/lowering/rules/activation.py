"""Lowers Relu and Clip to clamps in the units of the output. A later pass joins them to their producers."""

from math import isnan

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Clamp
from sparse_mcu.costmodel.graph.tensor import Quantization

_TOLERANCE = 1e-3


@rule("Relu", keeps_scale=True, keeps_axes=True)
def lower_relu(node: Node, builder: Builder) -> Value:
    """Relu -> a Requantize that clamps at zero."""
    return _clip(node, builder, 0.0, None)


@rule("Clip", keeps_scale=True, keeps_axes=True)
def lower_clip(node: Node, builder: Builder) -> Value:
    """Clip -> a Requantize that clamps at both limits. Relu6 is a Clip."""
    return _clip(node, builder, _limit(node, builder, 1), _limit(node, builder, 2))


def _limit(node: Node, builder: Builder, index: int) -> float | None:
    if not node.has_input(index):
        return None
    real = builder.constant(node, index).real()
    if real.size != 1 or isnan(float(real.reshape(-1)[0])):
        raise node.malformed("a limit that is no single number")
    return float(real.reshape(-1)[0])


def _clip(node: Node, builder: Builder, low: float | None, high: float | None) -> Value:
    value = builder.value(node)
    own = value.tensor.quantization
    if not value.is_real:
        shift = 128 if value.dtype == "uint8" else 0
        return builder.requantize(node, value, own, _clamp(low, high, Quantization(1.0, -shift)))
    wanted = builder.demands.unique(node.outputs[0])
    quantization = wanted or own
    clamp = _clamp(low, high, quantization)
    if wanted is None and not (_representable(low, own) and _representable(high, own)):
        raise UnsupportedQuantizationError(
            "a limit that the input's scale cannot express", where=node.where, fix="Put one QuantizeLinear after it."
        )
    return builder.requantize(node, value, quantization, clamp)


def _clamp(low: float | None, high: float | None, quantization: Quantization) -> Clamp:
    top = 127 if high is None else _code(high, quantization)
    bottom = -128 if low is None else _code(low, quantization)
    return Clamp(low=min(bottom, top), high=top)


def _code(real: float, quantization: Quantization) -> int:
    """The nearest int8 code."""
    return round(min(max(real / quantization.scale + quantization.zero_point, -128.0), 127.0))


def _representable(limit: float | None, quantization: Quantization) -> bool:
    """Whether clipping the codes has the same effect as clipping the numbers."""
    if limit is None:
        return True
    position = limit / quantization.scale + quantization.zero_point
    return not -128.0 < position < 127.0 or abs(position - round(position)) < _TOLERANCE  # noqa: PLR2004 - int8
