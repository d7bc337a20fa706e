"""Folds the views before a Dense into the order of its weight columns."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Dense, Operator
from sparse_mcu.costmodel.graph.passes.views import places_through, transposing_views, vector_before


def fold_views_into_dense(graph: Graph) -> Graph:
    """Permutes the weights of a Dense instead of its input: Conv -> Flatten -> Dense then moves no bytes."""
    made_by: dict[str, Operator] = {}
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Dense) and (views := _views_before(operator, made_by)):
            weights = np.empty_like(operator.weights)
            weights[:, places_through(views, tensors)] = operator.weights
            reshape = vector_before(operator, views, tensors)
            operators.append(reshape)
            operator = replace(operator, inputs=(reshape.output,), weights=weights)  # noqa: PLW2901 - takes its place
        made_by[operator.output] = operator
        operators.append(operator)
    return replace(graph, operators=tuple(operators), tensors=tensors)


def dense_reads_no_transpose(graph: Graph) -> bool:
    """Tells whether no Dense reads a Transpose, directly or through other views."""
    made_by = graph.makers()
    return not any(isinstance(each, Dense) and _views_before(each, made_by) for each in graph.operators)


def _views_before(dense: Dense, made_by: Mapping[str, Operator]) -> list[Operator]:
    return transposing_views(dense.inputs[0], made_by)
