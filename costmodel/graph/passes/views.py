"""Simplifies chains of views, i.e. of Reshape and Transpose, and follows them for other passes."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.limits import MAX_VIEWS
from sparse_mcu.costmodel.graph.operators import Operator, Reshape, Transpose
from sparse_mcu.costmodel.graph.tensor import Tensor


def simplify_views(graph: Graph) -> Graph:
    """Makes each view read the first tensor of its chain, and leaves out views that change nothing.

    * A Reshape of a Reshape reads the first one's input.
    * A Transpose of a Transpose becomes one Transpose.
    * A Transpose that moves only axes of one element becomes a Reshape.
    * A Reshape to the same shape vanishes.
    """
    made_by: dict[str, Operator] = {}
    same: dict[str, str] = {}
    operators: list[Operator] = []
    for original in graph.operators:
        operator = _simplified(renamed(original, same), made_by, graph)
        if isinstance(operator, Reshape) and _changes_nothing(operator, graph):
            same[operator.output] = operator.inputs[0]
            continue
        made_by[operator.output] = operator
        operators.append(operator)
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in same}
    return replace(graph, operators=tuple(operators), outputs=outputs, tensors=tensors)


def views_are_simple(graph: Graph) -> bool:
    """Tells whether none of the four rules of `simplify_views` applies."""
    made_by = graph.makers()
    return not any(
        _simplified(operator, made_by, graph) is not operator
        or (isinstance(operator, Reshape) and _changes_nothing(operator, graph))
        for operator in graph.operators
    )


def renamed(operator: Operator, same: Mapping[str, str]) -> Operator:
    """Returns the operator reading `same[name]` instead of `name`, or the same object if it reads no such name."""
    if same.keys().isdisjoint(operator.inputs):
        return operator
    return replace(operator, inputs=tuple(same.get(name, name) for name in operator.inputs))


def _simplified(operator: Operator, made_by: Mapping[str, Operator], graph: Graph) -> Operator:
    """The view that reads the first tensor of its chain; anything else as it is."""
    if isinstance(operator, Transpose):
        operator = _composed(operator, made_by, graph)
    if isinstance(operator, Reshape) and isinstance(before := made_by.get(operator.inputs[0]), Reshape):
        return replace(operator, inputs=before.inputs)
    return operator


def _composed(operator: Transpose, made_by: Mapping[str, Operator], graph: Graph) -> Transpose | Reshape:
    before = made_by.get(operator.inputs[0])
    if isinstance(before, Transpose):
        order = tuple(before.permutation[axis] for axis in operator.permutation)
        operator = replace(operator, inputs=before.inputs, permutation=order)
    shape = graph.tensors[operator.inputs[0]].shape
    moving = [axis for axis in operator.permutation if shape[axis] != 1]
    if moving == sorted(moving):
        return Reshape(name=operator.name, inputs=operator.inputs, output=operator.output)
    return operator


def _changes_nothing(reshape: Reshape, graph: Graph) -> bool:
    return graph.tensors[reshape.inputs[0]].shape == graph.tensors[reshape.output].shape


def transposing_views(name: str, made_by: Mapping[str, Operator]) -> list[Operator]:
    """Returns the views that lead to a tensor, first to last, if a Transpose is among them; else an empty list.

    Args:
        name: The tensor.
        made_by: The operator that makes each tensor. At most `MAX_VIEWS` views are followed.
    """
    views: list[Operator] = []
    while len(views) < MAX_VIEWS and isinstance(made_by.get(name), Reshape | Transpose):
        views.append(made_by[name])
        name = views[-1].inputs[0]
    return views[::-1] if any(isinstance(view, Transpose) for view in views) else []


def places_through(views: list[Operator], tensors: Mapping[str, Tensor]) -> npt.NDArray[np.int64]:
    """Returns for each element behind a chain of views its position in the chain's source; int64 [elements]."""
    source = tensors[views[0].inputs[0]]
    places = np.arange(source.size_bytes, dtype=np.int64).reshape(source.shape)
    for view in views:
        if isinstance(view, Transpose):
            places = places.transpose(view.permutation)
        else:
            places = places.reshape(tensors[view.output].shape)
    return places.reshape(-1)


def vector_before(reader: Operator, views: list[Operator], tensors: dict[str, Tensor]) -> Reshape:
    """Returns a view of the chain's source as a vector for `reader`, and adds its tensor to `tensors`."""
    source = tensors[views[0].inputs[0]]
    vector = Tensor(f"{reader.name}.input", (1, source.size_bytes), source.quantization)
    while vector.name in tensors:
        vector = replace(vector, name=f"{vector.name}'")
    tensors[vector.name] = vector
    return Reshape(name=vector.name, inputs=(source.name,), output=vector.name)
