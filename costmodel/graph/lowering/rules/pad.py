"""Pad with a constant around the spatial axes."""

from costmodel.errors import ModelError, UnsupportedOperatorError, UnsupportedQuantizationError
from costmodel.graph.lowering.builder import Builder
from costmodel.graph.lowering.layout import Value
from costmodel.graph.lowering.registry import rule
from costmodel.graph.operators import Pad2d
from costmodel.graph.source import Node

_TOLERANCE = 1e-3


@rule("Pad", keeps_scale=True, keeps_axes=True)
def lower_pad(node: Node, builder: Builder) -> Value:
    """Pad -> Pad2d on the feature map as it is stored."""
    value = builder.value(node)
    before, after = _amounts(node, builder, len(value.shape))
    if not any(before) and not any(after):
        return value
    stored_before = [before[axis] for axis in value.permutation]
    stored_after = [after[axis] for axis in value.permutation]
    image = builder.image(node, value, value.permutation)
    spatial = range(1, len(value.shape) - 1)
    if any(stored_before[axis] or stored_after[axis] for axis in (0, len(value.shape) - 1)):
        raise UnsupportedOperatorError(
            "padding of the batch or the channels", where=node.where, fix="Only height and width can be padded."
        )
    left, right = [stored_before[axis] for axis in spatial], [stored_after[axis] for axis in spatial]
    top, bottom = (left[0], right[0]) if len(left) > 1 else (0, 0)
    padding = (top, left[-1], bottom, right[-1])
    _, height, width, channels = image.shape
    shape = (1, height + top + bottom, width + padding[1] + padding[3], channels)
    out = builder.new_tensor(node, shape, image.quantization)
    fill = _fill(node, builder, value)
    name = builder.unique_name(node)
    builder.add(Pad2d(name=name, inputs=(image.name,), output=out.name, padding=padding, value=fill))
    stored = shape if len(value.shape) == len(shape) else (1, *shape[2:])
    return Value(builder.view(node, out, stored), value.permutation, value.dtype)


def _amounts(node: Node, builder: Builder, rank: int) -> tuple[list[int], list[int]]:
    """Elements before and after each ONNX axis."""
    mode = node.attributes.text("mode", "constant")
    if mode != "constant":
        raise UnsupportedOperatorError(f"mode {mode[:40]!r}", where=node.where, fix="Pad with a constant.")
    pads = builder.integers(node, 1, "pads") or ()
    listed = builder.integers(node, 3, "axes") or tuple(range(rank))
    axes = [axis + rank if axis < 0 else axis for axis in listed]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes) or not set(axes) <= set(range(rank)):
        raise ModelError(f"pads {list(pads)} of axes {list(listed)}", where=node.where, fix="Export the model again.")
    if any(pad < 0 for pad in pads):
        raise UnsupportedOperatorError("negative padding", where=node.where, fix="Use Slice-free models.")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        before[axis], after[axis] = pads[index], pads[len(axes) + index]
    return before, after


def _fill(node: Node, builder: Builder, value: Value) -> int:
    """The border's code."""
    real = builder.constant(node, 2).real().reshape(-1) if node.has_input(2) else [0.0]
    if len(real) != 1:
        raise ModelError("its value is no single number", where=node.where, fix="Export the model again.")
    number = float(real[0])
    if value.is_real:
        position = number / value.tensor.quantization.scale + value.tensor.quantization.zero_point
    else:
        position = number - (128 if value.dtype == "uint8" else 0)
    if not -128 - _TOLERANCE <= position <= 127 + _TOLERANCE or abs(position - round(position)) > _TOLERANCE:
        raise UnsupportedQuantizationError(
            f"its value {number} is no int8 code of the input", where=node.where, fix="Pad with a representable value."
        )
    return round(position)
