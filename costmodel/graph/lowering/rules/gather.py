"""Lowers Gather by a constant list of indices, such as the features or channels that structured pruning kept."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.registry import rule
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Gather


@rule("Gather", keeps_scale=True, keeps_axes=True)
def lower_gather(node: Node, builder: Builder) -> Value:
    """Gather -> Gather along the stored axis. Negative indices count from the end."""
    value = builder.value(node)
    axis = node.axis(len(value.shape), default=0)
    indices = _indices(node, builder, value.shape[axis])
    stored_axis = value.permutation.index(axis)
    shape = list(value.tensor.shape)
    shape[stored_axis] = indices.size
    out = builder.new_tensor(node, shape, value.tensor.quantization)
    name = builder.unique_name(node)
    builder.add(Gather(name=name, inputs=(value.tensor.name,), output=out.name, axis=stored_axis, indices=indices))
    return Value(out, value.permutation, value.dtype)


def _indices(node: Node, builder: Builder, extent: int) -> npt.NDArray[np.int64]:
    """The indices, each counted from the start."""
    codes = builder.constant(node, 1).codes
    if codes.dtype.kind != "i":
        raise node.malformed(f"indices of type {codes.dtype}")
    if codes.ndim != 1:
        raise UnsupportedOperatorError(
            f"indices of shape {list(codes.shape)}", where=node.where, fix="Only a plain list of indices has a rule."
        )
    indices = codes.astype(np.int64)
    if not indices.size or indices.min() < -extent or indices.max() >= extent:
        raise node.malformed(f"no indices, or some outside of an axis of {extent}")
    return np.where(indices < 0, indices + extent, indices)
