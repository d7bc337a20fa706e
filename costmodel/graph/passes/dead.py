"""Remove what no output depends on."""

from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph


def remove_dead(graph: Graph) -> Graph:
    """The graph without operators and tensors that reach no output; inputs stay."""
    needed = set(graph.outputs)
    live = []
    for operator in reversed(graph.operators):
        if operator.output in needed:
            needed.update(operator.inputs)
            live.append(operator)
    needed.update(graph.inputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in needed}
    return replace(graph, operators=tuple(reversed(live)), tensors=tensors)
