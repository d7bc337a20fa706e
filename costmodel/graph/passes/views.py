"""Simplify chains of Reshape and Transpose."""

from dataclasses import replace

from costmodel.graph.graph import Graph
from costmodel.graph.operators import Operator, Reshape, Transpose


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
