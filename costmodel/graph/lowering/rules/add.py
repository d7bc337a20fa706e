"""Lowers Add of two activations."""

from sparse_mcu.costmodel.errors import UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Add, Clamp
from sparse_mcu.costmodel.graph.tensor import Quantization

_MULTIPLIER_LIMIT = 2**22
_SUM_LIMIT = 2**31
_MAX_SHIFT = 31


@rule("Add", keeps_axes=True)
def lower_add(node: Node, builder: Builder) -> Value:
    """Add -> Add. Both inputs must have the same shape."""
    if any(builder.is_constant(node, index) for index in (0, 1)):
        raise UnsupportedOperatorError(
            "addition of a constant", where=node.where, fix="Fold it into the bias of the layer before it."
        )
    left = builder.real_value(node, 0)
    right = builder.real_value(node, 1)
    if left.shape != right.shape:
        raise UnsupportedOperatorError(
            f"broadcast of {list(left.shape)} and {list(right.shape)}",
            where=node.where,
            fix="Only additions of two activations of one shape have a rule.",
        )
    right = builder.arrange(node, right, left.permutation)
    quantization = builder.demand(node)
    inputs = (left.tensor.quantization, right.tensor.quantization)
    multipliers, shift = _fixed_point(node, inputs, quantization.scale)
    out = builder.new_tensor(node, left.tensor.shape, quantization)
    builder.add(
        Add(
            name=builder.unique_name(node),
            inputs=(left.tensor.name, right.tensor.name),
            output=out.name,
            multipliers=multipliers,
            shift=shift,
            clamp=Clamp(),
        )
    )
    return Value(out, left.permutation, left.dtype)


def _fixed_point(
    node: Node, inputs: tuple[Quantization, Quantization], scale_out: float
) -> tuple[tuple[int, int], int]:
    """The multipliers scale_in / scale_out * 2**shift, and the largest shift for which the sum fits into 32 bits."""
    factors = [entry.scale / scale_out for entry in inputs]
    reaches = [max(127 - entry.zero_point, 128 + entry.zero_point) for entry in inputs]
    for shift in range(_MAX_SHIFT, 0, -1):
        if max(factors) * 2.0**shift >= _MULTIPLIER_LIMIT - 1:
            continue
        left, right = (round(factor * 2.0**shift) for factor in factors)
        if left * reaches[0] + right * reaches[1] + 2 ** (shift - 1) < _SUM_LIMIT:
            return (left, right), shift
    raise UnsupportedQuantizationError(
        f"scales {inputs[0].scale:.6g} and {inputs[1].scale:.6g} are far above the output's {scale_out:.6g}",
        where=node.where,
        fix="Calibrate and quantise the model again.",
    )
