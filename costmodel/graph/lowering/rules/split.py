"""Lowers Split: each part of the axis becomes a Slice."""

from dataclasses import replace
from itertools import accumulate, pairwise

from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.lowering.rules.slice import take
from sparse_mcu.costmodel.graph.node import Node


@rule("Split", keeps_scale=True, keeps_axes=True)
def lower_split(node: Node, builder: Builder) -> Value:
    """Split -> a Slice for each output. Returns the first and adds the others to the builder's values."""
    value = builder.value(node)
    axis = node.axis(len(value.shape), default=0)
    if "" in node.outputs:
        raise node.malformed("one of its outputs is left out", fix="Name every output.")
    parts: list[Value] = []
    for output, (start, end) in zip(node.outputs, pairwise(_edges(node, builder, value.shape[axis])), strict=True):
        ranges = [range(extent) for extent in value.shape]
        ranges[axis] = range(start, end)
        parts.append(take(replace(node, outputs=(output,)), builder, value, ranges))
    builder.values.update(zip(node.outputs[1:], parts[1:], strict=True))
    return parts[0]


def _edges(node: Node, builder: Builder, extent: int) -> list[int]:
    """Where each part begins, and where the last one ends.

    If the node states no sizes, all parts are equal; the last one is smaller if the axis does not divide.
    Source: ONNX operator specification, Split (https://onnx.ai/onnx/operators/onnx__Split.html).
    """
    count = len(node.outputs)
    sizes = builder.integers(node, 1, "split")
    if sizes is None:
        most = -(-extent // count)
        sizes = (most,) * (count - 1) + (extent - most * (count - 1),)
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != extent:
        raise node.malformed(f"parts of {list(sizes)} of an axis of {extent}, for {count} outputs")
    return [*accumulate(sizes, initial=0)]
