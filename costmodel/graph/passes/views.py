"""Simplify chains of Reshape and Transpose."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.limits import MAX_VIEWS
from sparse_mcu.costmodel.graph.operators import Operator, Reshape, Transpose
from sparse_mcu.costmodel.graph.tensor import Tensor


def simplify_views(graph: Graph) -> Graph:
    """Each view reads the first tensor of its chain; what changes nothing is left out.

    Reshape of Reshape reads through; Transpose of Transpose is composed; a Transpose that moves only
    axes of one element becomes a Reshape; a Reshape to the same shape and an identity vanish.
    """
    made_by: dict[str, Operator] = {}
    same: dict[str, str] = {}
    operators: list[Operator] = []
    for original in graph.operators:
        operator = replace(original, inputs=tuple(same.get(name, name) for name in original.inputs))
        if isinstance(operator, Transpose):
            operator = _composed(operator, made_by, graph)
        if isinstance(operator, Reshape):
            before = made_by.get(operator.inputs[0])
            if isinstance(before, Reshape):
                operator = replace(operator, inputs=before.inputs)
            if graph.tensors[operator.inputs[0]].shape == graph.tensors[operator.output].shape:
                same[operator.output] = operator.inputs[0]
                continue
        made_by[operator.output] = operator
        operators.append(operator)
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in same}
    return replace(graph, operators=tuple(operators), outputs=outputs, tensors=tensors)


def _composed(operator: Transpose, made_by: dict[str, Operator], graph: Graph) -> Transpose | Reshape:
    before = made_by.get(operator.inputs[0])
    if isinstance(before, Transpose):
        order = tuple(before.permutation[axis] for axis in operator.permutation)
        operator = replace(operator, inputs=before.inputs, permutation=order)
    shape = graph.tensors[operator.inputs[0]].shape
    moving = [axis for axis in operator.permutation if shape[axis] != 1]
    if moving == sorted(moving):
        return Reshape(name=operator.name, inputs=operator.inputs, output=operator.output)
    return operator


def views_before(name: str, made_by: Mapping[str, Operator]) -> list[Operator]:
    """The Reshapes and Transposes that lead to a tensor, first to last."""
    views: list[Operator] = []
    while len(views) < MAX_VIEWS and isinstance(made_by.get(name), Reshape | Transpose):
        views.append(made_by[name])
        name = views[-1].inputs[0]
    return views[::-1]


def places_through(views: list[Operator], tensors: Mapping[str, Tensor]) -> npt.NDArray[np.int64]:
    """For each element behind a chain of views, where it lies in the chain's source; int64 [elements]."""
    source = tensors[views[0].inputs[0]]
    places = np.arange(source.size_bytes, dtype=np.int64).reshape(source.shape)
    for view in views:
        if isinstance(view, Transpose):
            places = places.transpose(view.permutation)
        else:
            places = places.reshape(tensors[view.output].shape)
    return places.reshape(-1)


def vector_before(reader: Operator, views: list[Operator], tensors: dict[str, Tensor]) -> Reshape:
    """A view of the chain's source as a vector for `reader`; its tensor is added."""
    source = tensors[views[0].inputs[0]]
    vector = Tensor(f"{reader.name}.input", (1, source.size_bytes), source.quantization)
    while vector.name in tensors:
        vector = replace(vector, name=f"{vector.name}'")
    tensors[vector.name] = vector
    return Reshape(name=vector.name, inputs=(source.name,), output=vector.name)
