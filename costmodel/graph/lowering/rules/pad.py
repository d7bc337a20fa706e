"""Lowers Pad with a constant around the spatial axes."""

from sparse_mcu.costmodel.errors import UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Permutation, Value, channels_last, identity
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Pad2d

_TOLERANCE = 1e-3


@rule("Pad", keeps_scale=True, keeps_axes=True)
def lower_pad(node: Node, builder: Builder) -> Value:
    """Pad -> Pad2d on the feature map as it is stored."""
    value = builder.value(node)
    rank = len(value.shape)
    before, after = _amounts(node, builder, rank)
    if not any(before) and not any(after):
        return value
    permutation = _layout(node, value, [left + right for left, right in zip(before, after, strict=True)])
    image = builder.image(node, value, permutation)
    lead, trail = [before[axis] for axis in permutation], [after[axis] for axis in permutation]
    top, bottom = (0, 0) if rank < len(image.shape) else (lead[1], trail[1])
    padding = (top, lead[-2], bottom, trail[-2])
    _, height, width, channels = image.shape
    shape = (1, height + top + bottom, width + lead[-2] + trail[-2], channels)
    out = builder.new_tensor(node, shape, image.quantization)
    fill = _fill(node, builder, value)
    name = builder.unique_name(node)
    builder.add(Pad2d(name=name, inputs=(image.name,), output=out.name, padding=padding, value=fill))
    stored = shape if rank == len(shape) else (1, *shape[2:])
    return Value(builder.view(node, out, stored), permutation, value.dtype)


def _layout(node: Node, value: Value, amounts: list[int]) -> Permutation:
    """A layout in which only height and width are padded; the present one if possible."""
    rank = len(value.shape)
    for permutation in (value.permutation, channels_last(rank), identity(rank)):
        if rank > 1 and not amounts[permutation[0]] and not amounts[permutation[-1]]:
            return permutation
    raise UnsupportedOperatorError(
        "padding of the batch, or of all three other axes", where=node.where, fix="Only two axes can be padded."
    )


def _amounts(node: Node, builder: Builder, rank: int) -> tuple[list[int], list[int]]:
    """Elements before and after each ONNX axis."""
    mode = node.attributes.text("mode", "constant")
    if mode != "constant":
        raise UnsupportedOperatorError(f"mode {mode[:40]!r}", where=node.where, fix="Pad with a constant.")
    pads = builder.integers(node, 1, "pads") or ()
    listed = builder.integers(node, 3, "axes") or tuple(range(rank))
    axes = node.axes(listed, rank)
    if len(pads) != 2 * len(axes):
        raise node.malformed(f"pads {list(pads)} of axes {list(listed)}")
    if any(pad < 0 for pad in pads):
        raise UnsupportedOperatorError("negative padding", where=node.where, fix="Only growing has a rule.")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        before[axis], after[axis] = pads[index], pads[len(axes) + index]
    return before, after


def _fill(node: Node, builder: Builder, value: Value) -> int:
    """The int8 code of the border."""
    real = builder.constant(node, 2).real().reshape(-1) if node.has_input(2) else [0.0]
    if len(real) != 1:
        raise node.malformed("its value is no single number")
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
