"""Fold the views before a Dense into the order of its weight columns."""

from dataclasses import replace

import numpy as np

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Dense, Operator, Transpose
from sparse_mcu.costmodel.graph.passes.views import places_through, vector_before, views_before


def fold_views_into_dense(graph: Graph) -> Graph:
    """Conv -> Flatten -> Dense moves no bytes: the weights are permuted instead of the activation."""
    made_by: dict[str, Operator] = {}
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Dense):
            views = views_before(operator.inputs[0], made_by)
            if any(isinstance(view, Transpose) for view in views):
                weights = np.empty_like(operator.weights)
                weights[:, places_through(views, tensors)] = operator.weights
                reshape = vector_before(operator, views, tensors)
                operators.append(reshape)
                operator = replace(operator, inputs=(reshape.output,), weights=weights)  # noqa: PLW2901 - takes its place
        made_by[operator.output] = operator
        operators.append(operator)
    return replace(graph, operators=tuple(operators), tensors=tensors)
