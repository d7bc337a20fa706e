"""Lowers Slice by constant starts, ends and steps: crops, and down-sampling that leaves elements out."""

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Slice


@rule("Slice", keeps_scale=True, keeps_axes=True)
def lower_slice(node: Node, builder: Builder) -> Value:
    """Slice -> Slice of any axes. Steps must be positive."""
    value = builder.value(node)
    return take(node, builder, value, _ranges(node, builder, value.shape))


def take(node: Node, builder: Builder, value: Value, ranges: list[range]) -> Value:
    """Adds a Slice that keeps the elements at `ranges`: one per ONNX axis, ascending, inside its axis and not empty."""
    if all(len(places) == extent for places, extent in zip(ranges, value.shape, strict=True)):
        return value
    stored = [ranges[axis] for axis in value.permutation]
    out = builder.new_tensor(node, [len(places) for places in stored], value.tensor.quantization)
    builder.add(
        Slice(
            name=builder.unique_name(node),
            inputs=(value.tensor.name,),
            output=out.name,
            starts=tuple(places.start for places in stored),
            steps=tuple(places.step for places in stored),
        )
    )
    return Value(out, value.permutation, value.dtype)


def _ranges(node: Node, builder: Builder, shape: tuple[int, ...]) -> list[range]:
    """The elements that the node keeps of each axis: those of a Python slice with the same limits.

    Source: ONNX operator specification, Slice (https://onnx.ai/onnx/operators/onnx__Slice.html).
    """
    starts, ends = (builder.integers(node, index, name) for index, name in ((1, "starts"), (2, "ends")))
    if starts is None or ends is None:
        raise node.malformed("its starts or ends are missing")
    axes = node.axes(builder.integers(node, 3, "axes") or range(len(starts)), len(shape))
    steps = builder.integers(node, 4, "steps") or (1,) * len(starts)
    if not len(starts) == len(ends) == len(steps) == len(axes):
        raise node.malformed(f"starts {list(starts)}, ends {list(ends)}, steps {list(steps)} of axes {list(axes)}")
    if min(steps, default=1) < 1:
        raise UnsupportedOperatorError(
            f"steps {list(steps)}", where=node.where, fix="Only steps of 1 or more have a rule."
        )
    ranges = [range(extent) for extent in shape]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        ranges[axis] = ranges[axis][start:end:step]
    if not all(ranges):
        raise node.malformed(f"nothing is left of shape {list(shape)}", fix="Check the model's slices.")
    return ranges
