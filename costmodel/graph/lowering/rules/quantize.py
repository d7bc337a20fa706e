"""Lowers QuantizeLinear and DequantizeLinear: another name for the same tensor, or a Requantize."""

from dataclasses import replace

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node


@rule("QuantizeLinear", keeps_axes=True)
def lower_quantize(node: Node, builder: Builder) -> Value:
    """QuantizeLinear -> nothing if the value already has the node's scale, else a Requantize."""
    value = builder.real_value(node)
    affine = builder.stated_affine(node)
    return replace(builder.requantize(node, value, affine.quantization), dtype=affine.dtype)


@rule("DequantizeLinear", keeps_axes=True)
def lower_dequantize(node: Node, builder: Builder) -> Value:
    """DequantizeLinear -> nothing: the codes are read as the numbers that they mean."""
    value = builder.value(node)
    if value.is_real:
        raise node.malformed("its input is already float")
    affine = builder.stated_affine(node)
    if value.dtype != affine.dtype or value.tensor.quantization != affine.quantization:
        raise UnsupportedQuantizationError(
            f"{value.dtype} codes of {value.tensor.quantization}, read as {affine.dtype} of {affine.quantization}",
            where=node.where,
            fix="A tensor must be dequantised with the scale it was quantised with.",
        )
    return replace(value, dtype="float32")
