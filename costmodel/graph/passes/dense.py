"""Fold the views before a Dense into the order of its weight columns."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from costmodel.graph.graph import Graph
from costmodel.graph.limits import MAX_VIEWS
from costmodel.graph.operators import Dense, Operator, Reshape, Transpose
from costmodel.graph.tensor import Tensor


def fold_views_into_dense(graph: Graph) -> Graph:
    """Conv -> Flatten -> Dense moves no bytes: the weights are permuted instead of the activation."""
    made_by: dict[str, Operator] = {}
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Dense):
            views = _views_before(operator.inputs[0], made_by)
            if any(isinstance(view, Transpose) for view in views):
                reshape, folded = _folded(operator, views, tensors)
                operators.append(reshape)
                operator = folded  # noqa: PLW2901 - the folded one takes its place
        made_by[operator.output] = operator
        operators.append(operator)
    return replace(graph, operators=tuple(operators), tensors=tensors)


def _views_before(name: str, made_by: Mapping[str, Operator]) -> list[Operator]:
    """The Reshapes and Transposes that lead to a tensor, first to last."""
    views: list[Operator] = []
    while len(views) < MAX_VIEWS and isinstance(made_by.get(name), Reshape | Transpose):
        views.append(made_by[name])
        name = views[-1].inputs[0]
    return views[::-1]


def _folded(dense: Dense, views: list[Operator], tensors: dict[str, Tensor]) -> tuple[Reshape, Dense]:
    """A view of the chain's source as a vector, and a Dense that reads it."""
    source = tensors[views[0].inputs[0]]
    places = np.arange(source.size_bytes).reshape(source.shape)
    for view in views:
        if isinstance(view, Transpose):
            places = places.transpose(view.permutation)
        else:
            places = places.reshape(tensors[view.output].shape)
    weights = np.empty_like(dense.weights)
    weights[:, places.reshape(-1)] = dense.weights
    vector = Tensor(f"{dense.name}.input", (1, source.size_bytes), source.quantization)
    while vector.name in tensors:
        vector = replace(vector, name=f"{vector.name}'")
    tensors[vector.name] = vector
    reshape = Reshape(name=vector.name, inputs=(source.name,), output=vector.name)
    return reshape, replace(dense, inputs=(vector.name,), weights=weights)
