"""Lowers Gemm and MatMul by constant weights."""

from dataclasses import replace
from math import prod

import numpy as np

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.lowering.layout import Value, identity
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.lowering.weights import accumulator_layer, channels_first, real_bias
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Clamp, Conv2d, Dense, Window

_MATRIX = 2


@rule("MatMul")
def lower_matmul(node: Node, builder: Builder) -> Value:
    """MatMul(x, weights [in, out]) -> Dense. A third input is the bias of an Add that was joined to it."""
    return _lower(node, builder, channel_axis=1, weight_gain=1.0, bias_gain=1.0)


@rule("Gemm")
def lower_gemm(node: Node, builder: Builder) -> Value:
    """Gemm(x, weights, bias) -> Dense. alpha and beta go into the scales."""
    if node.attributes.integer("transA", 0):
        raise UnsupportedOperatorError("transA", where=node.where, fix="Transpose the activation with a Transpose.")
    return _lower(
        node,
        builder,
        channel_axis=0 if node.attributes.integer("transB", 0) else 1,
        weight_gain=node.attributes.real("alpha", 1.0),
        bias_gain=node.attributes.real("beta", 1.0),
    )


def _lower(node: Node, builder: Builder, *, channel_axis: int, weight_gain: float, bias_gain: float) -> Value:
    value = builder.real_value(node)
    if not builder.is_constant(node, 1):
        raise UnsupportedOperatorError(
            "a product of two activations", where=node.where, fix="Only products by constant weights have a rule."
        )
    weights = _weights(node, builder.constant(node, 1), channel_axis, weight_gain)
    channels, depth = weights.shape
    if len(value.shape) < _MATRIX or value.shape[-1] != depth:
        raise node.malformed(f"input of shape {list(value.shape)} with {depth} weights per output")
    rows = prod(value.shape[:-1])
    flat = builder.arrange(node, value, identity(len(value.shape))).tensor
    source = builder.view(node, flat, (1, depth) if rows == 1 else (1, 1, rows, depth))
    bias = real_bias(node, builder.constant(node, 2) if node.has_input(2) else None, channels) * bias_gain
    quantization = builder.demand(node)
    layer = accumulator_layer(node, weights, bias, source.quantization, quantization)
    out = builder.new_tensor(node, (*source.shape[:-1], channels), quantization)
    name = builder.unique_name(node)
    if rows == 1:
        builder.add(
            Dense(
                name=name,
                inputs=(source.name,),
                output=out.name,
                weights=np.ascontiguousarray(layer.weights),
                bias=layer.bias,
                rescale=layer.rescale,
                clamp=Clamp(),
            )
        )
    else:
        builder.add(
            Conv2d(
                name=name,
                inputs=(source.name,),
                output=out.name,
                weights=np.ascontiguousarray(layer.weights.reshape(channels, 1, 1, depth)),
                bias=layer.bias,
                window=Window(kernel=(1, 1)),
                groups=1,
                rescale=layer.rescale,
                clamp=Clamp(),
            )
        )
    shaped = builder.view(node, out, (*value.shape[:-1], channels))
    return Value(shaped, identity(len(value.shape)), value.dtype)


def _weights(node: Node, weights: Constant, channel_axis: int, gain: float) -> Constant:
    """The weights [out, in], with their scale multiplied by `gain`."""
    if len(weights.shape) != _MATRIX or min(weights.shape) < 1:
        raise node.malformed(f"weights of shape {list(weights.shape)}, not a matrix")
    weights = channels_first(node, weights, channel_axis)
    if not np.isfinite(gain) or gain <= 0 or weights.scale is None:
        raise UnsupportedOperatorError(f"alpha of {gain}", where=node.where, fix="Fold alpha into the weights.")
    return replace(weights, scale=weights.scale * gain)
