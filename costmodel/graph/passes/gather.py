"""Improves a Gather from a flattened feature map: no Transpose before it, and ascending indices where possible."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Dense, Gather, Operator
from sparse_mcu.costmodel.graph.passes.views import places_through, transposing_views, vector_before
from sparse_mcu.costmodel.graph.tensor import Tensor


def fold_views_into_gather(graph: Graph) -> Graph:
    """Permutes the indices of a Gather instead of its input: Conv -> Flatten -> Gather moves no bytes before it."""
    made_by: dict[str, Operator] = {}
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Gather) and (views := _views_before(operator, made_by, tensors)):
            indices = places_through(views, tensors)[operator.indices]
            reshape = vector_before(operator, views, tensors)
            operators.append(reshape)
            operator = replace(operator, inputs=(reshape.output,), indices=indices)  # noqa: PLW2901 - takes its place
        made_by[operator.output] = operator
        operators.append(operator)
    return replace(graph, operators=tuple(operators), tensors=tensors)


def gather_reads_no_transpose(graph: Graph) -> bool:
    """Tells whether no Gather from a vector reads a Transpose, directly or through other views."""
    made_by = graph.makers()
    return not any(isinstance(each, Gather) and _views_before(each, made_by, graph.tensors) for each in graph.operators)


def _views_before(gather: Gather, made_by: Mapping[str, Operator], tensors: Mapping[str, Tensor]) -> list[Operator]:
    """The views that can be folded into the indices; none if nothing moves or the input is no vector."""
    source = tensors[gather.inputs[0]]
    is_vector = source.shape == (1, source.size_bytes)
    return transposing_views(source.name, made_by) if gather.axis == 1 and is_vector else []


def sort_gathers(graph: Graph) -> Graph:
    """Sorts the indices of a Gather that only a Dense reads, and the columns of the Dense's weights with them.

    Ascending indices can be stored as small steps, and their Gather can write over its input.
    """
    sortable = _sortable(graph)
    orders: dict[str, npt.NDArray[np.intp]] = {}
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Gather) and operator.output in sortable:
            order = orders[operator.output] = np.argsort(operator.indices, kind="stable")
            operators.append(replace(operator, indices=operator.indices[order]))
        elif isinstance(operator, Dense) and operator.inputs[0] in orders:
            weights = np.ascontiguousarray(operator.weights[:, orders[operator.inputs[0]]])
            operators.append(replace(operator, weights=weights))
        else:
            operators.append(operator)
    return replace(graph, operators=tuple(operators))


def gathers_ascend(graph: Graph) -> bool:
    """Tells whether the indices of every Gather that only a Dense reads ascend."""
    return not _sortable(graph)


def _sortable(graph: Graph) -> set[str]:
    """Outputs of the Gathers that only a Dense reads and whose indices do not ascend."""
    readers = graph.readers()
    alone = {each.inputs[0] for each in graph.operators if isinstance(each, Dense) and readers[each.inputs[0]] == 1}
    gathers = [each for each in graph.operators if isinstance(each, Gather) and each.output in alone]
    return {each.output for each in gathers if np.any(np.diff(each.indices) < 0)}
