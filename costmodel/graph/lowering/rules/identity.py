"""Lowers operators that do nothing when a network runs."""

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node


@rule("Identity", keeps_scale=True, keeps_axes=True)
def lower_identity(node: Node, builder: Builder) -> Value:
    """Identity -> nothing: another name for the same value."""
    return builder.value(node)


@rule("Dropout", keeps_scale=True, keeps_axes=True)
def lower_dropout(node: Node, builder: Builder) -> Value:
    """Dropout -> nothing, because it is inactive in inference."""
    if node.has_input(2) and builder.constant(node, 2).codes.any():
        raise UnsupportedOperatorError("dropout in training mode", where=node.where, fix="Export in evaluation mode.")
    return builder.value(node)
