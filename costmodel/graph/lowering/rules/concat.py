"""Lowers Concat of activations."""

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Concat


@rule("Concat", keeps_scale=True, keeps_axes=True)
def lower_concat(node: Node, builder: Builder) -> Value:
    """Concat -> Concat in the layout of the first input. Inputs of different scales are requantised first."""
    values = [builder.value(node, index) for index in range(len(node.inputs))]
    if not values:
        raise node.malformed("it has no inputs")
    first = values[0]
    axis = node.axis(len(first.shape), default=0)
    _check_shapes(node, values, axis)
    values = [builder.arrange(node, value, first.permutation) for value in values]
    if len({value.tensor.quantization for value in values}) > 1:
        if not first.is_real:
            raise UnsupportedQuantizationError(
                "its int8 inputs have different scales", where=node.where, fix="Quantise them with one scale."
            )
        quantization = builder.demand(node)
        values = [builder.requantize(node, value, quantization) for value in values]
    stored_axis = first.permutation.index(axis)
    shape = list(values[0].tensor.shape)
    shape[stored_axis] = sum(value.tensor.shape[stored_axis] for value in values)
    out = builder.new_tensor(node, shape, values[0].tensor.quantization)
    inputs = tuple(value.tensor.name for value in values)
    builder.add(Concat(name=builder.unique_name(node), inputs=inputs, output=out.name, axis=stored_axis))
    return Value(out, first.permutation, first.dtype)


def _check_shapes(node: Node, values: list[Value], axis: int) -> None:
    """Checks that all dimensions but `axis` agree, and the element types too."""
    shapes = [value.shape for value in values]
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    ranks = {len(shape) for shape in shapes}
    if len(rests) != 1 or len(ranks) != 1 or len({v.dtype for v in values}) != 1:
        raise node.malformed(f"shapes {[list(shape) for shape in shapes[:4]]} do not go together along axis {axis}")
