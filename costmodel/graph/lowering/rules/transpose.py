"""Lowers Transpose: the stored bytes stay, and their ONNX axes change."""

from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value, inverse
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node


@rule("Transpose", keeps_scale=True)
def lower_transpose(node: Node, builder: Builder) -> Value:
    """Transpose -> nothing. Bytes move only if a later operator needs another layout."""
    value = builder.value(node)
    rank = len(value.shape)
    order = node.attributes.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise node.malformed(f"permutation {list(order)} of rank {rank}")
    position = inverse(order)
    return Value(value.tensor, tuple(position[axis] for axis in value.permutation), value.dtype)
