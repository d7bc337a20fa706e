"""Removes what no output depends on."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator


def remove_dead(graph: Graph) -> Graph:
    """Removes operators and tensors that reach no output. Inputs stay."""
    live, needed = _living(graph)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in needed}
    return replace(graph, operators=live, tensors=tensors)


def nothing_is_dead(graph: Graph) -> bool:
    """Tells whether every operator and every tensor but the inputs reaches an output."""
    live, needed = _living(graph)
    return len(live) == len(graph.operators) and needed.issuperset(graph.tensors)


def _living(graph: Graph) -> tuple[tuple[Operator, ...], set[str]]:
    """The operators that an output depends on, and the names of the tensors that they and the caller need."""
    needed = set(graph.outputs)
    live = []
    for operator in reversed(graph.operators):
        if operator.output in needed:
            needed.update(operator.inputs)
            live.append(operator)
    return tuple(reversed(live)), needed.union(graph.inputs)
