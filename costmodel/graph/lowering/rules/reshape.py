"""Lowers Reshape, Flatten, Squeeze and Unsqueeze: the same elements under another shape."""

from math import prod

from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value, identity, permuted, relabelled
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node


@rule("Reshape", keeps_scale=True)
def lower_reshape(node: Node, builder: Builder) -> Value:
    """Reshape to a constant shape. 0 copies a dimension, and -1 stands for what remains."""
    value = builder.value(node)
    stated = builder.integers(node, 1, "shape")
    if stated is None:
        raise node.malformed("its shape is missing")
    keep_zero = node.attributes.integer("allowzero", 0)
    old = value.shape
    shape = [
        old[axis] if entry == 0 and not keep_zero and axis < len(old) else entry for axis, entry in enumerate(stated)
    ]
    if shape.count(-1) == 1:
        rest = -prod(shape)
        shape[shape.index(-1)] = prod(old) // rest if rest > 0 else 0
    return _reshaped(node, builder, value, tuple(shape))


@rule("Flatten", keeps_scale=True)
def lower_flatten(node: Node, builder: Builder) -> Value:
    """Flatten to two dimensions, split at `axis`."""
    value = builder.value(node)
    axis = node.axis(len(value.shape), default=1, end_allowed=True)
    return _reshaped(node, builder, value, (prod(value.shape[:axis]), prod(value.shape[axis:])))


@rule("Squeeze", keeps_scale=True)
def lower_squeeze(node: Node, builder: Builder) -> Value:
    """Squeeze removes the stated axes, or all axes of one element."""
    value = builder.value(node)
    listed = builder.integers(node, 1, "axes")
    ones = [axis for axis, size in enumerate(value.shape) if size == 1]
    axes = ones if listed is None else node.axes(listed, len(value.shape))
    if not set(axes) <= set(ones):
        raise node.malformed(f"axes {sorted(axes)} of shape {list(value.shape)} are not all 1")
    return _reshaped(node, builder, value, tuple(size for axis, size in enumerate(value.shape) if axis not in axes))


@rule("Unsqueeze", keeps_scale=True)
def lower_unsqueeze(node: Node, builder: Builder) -> Value:
    """Unsqueeze adds axes of one element at the stated axes of the output."""
    value = builder.value(node)
    listed = builder.integers(node, 1, "axes") or ()
    rank = len(value.shape) + len(listed)
    axes = node.axes(listed, rank)
    sizes = iter(value.shape)
    return _reshaped(node, builder, value, tuple(1 if axis in axes else next(sizes) for axis in range(rank)))


def _reshaped(node: Node, builder: Builder, value: Value, shape: tuple[int, ...]) -> Value:
    """`value` under another ONNX shape. Its stored order stays if only axes of one element come and go."""
    if prod(shape) != prod(value.shape) or any(size < 1 for size in shape) or not shape:
        raise node.malformed(f"shape {list(value.shape)} cannot become {list(shape)}")
    permutation = relabelled(value, shape)
    if permutation is None:
        value = builder.arrange(node, value, identity(len(value.shape)))
        permutation = identity(len(shape))
    return Value(builder.view(node, value.tensor, permuted(shape, permutation)), permutation, value.dtype)
