"""A Gather from a flattened feature map: no transposition before it, and ascending where its reader allows."""

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Dense, Gather, Operator, Transpose
from sparse_mcu.costmodel.graph.passes.views import places_through, vector_before, views_before
from sparse_mcu.costmodel.graph.tensor import Tensor


def fold_views_into_gather(graph: Graph) -> Graph:
    """Conv -> Flatten -> Gather moves no bytes before the Gather: its indices are permuted instead."""
    made_by: dict[str, Operator] = {}
    tensors = dict(graph.tensors)
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Gather) and operator.axis == 1 and _is_vector(tensors[operator.inputs[0]]):
            views = views_before(operator.inputs[0], made_by)
            if any(isinstance(view, Transpose) for view in views):
                indices = places_through(views, tensors)[operator.indices]
                reshape = vector_before(operator, views, tensors)
                operators.append(reshape)
                operator = replace(operator, inputs=(reshape.output,), indices=indices)  # noqa: PLW2901 - takes its place
        made_by[operator.output] = operator
        operators.append(operator)
    return replace(graph, operators=tuple(operators), tensors=tensors)


def sort_gathers(graph: Graph) -> Graph:
    """Gather -> Dense: the indices ascend, and the columns of the weights follow them.

    Ascending indices can be stored as small steps, and their Gather can write over its input.
    """
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    readers.update(graph.outputs)
    read_by_dense = {each.inputs[0] for each in graph.operators if isinstance(each, Dense)}
    orders: dict[str, npt.NDArray[np.intp]] = {}
    operators: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, Gather) and operator.output in read_by_dense and readers[operator.output] == 1:
            order = orders[operator.output] = np.argsort(operator.indices, kind="stable")
            operators.append(replace(operator, indices=operator.indices[order]))
        elif isinstance(operator, Dense) and operator.inputs[0] in orders:
            weights = np.ascontiguousarray(operator.weights[:, orders[operator.inputs[0]]])
            operators.append(replace(operator, weights=weights))
        else:
            operators.append(operator)
    return replace(graph, operators=tuple(operators))


def _is_vector(tensor: Tensor) -> bool:
    return tensor.shape == (1, tensor.size_bytes)
