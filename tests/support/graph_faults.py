"""Finds the faults of a graph: the broken invariants that every stage after the lowering relies on."""

from collections import Counter
from math import prod

from sparse_mcu.costmodel.graph import Concat, Dense, Gather, Graph, Operator, Reshape, Transpose


def faults(graph: Graph) -> list[str]:
    """Returns a sentence for each invariant that the graph breaks."""
    found = _twice("tensor", [*graph.inputs, *(each.output for each in graph.operators)])
    found += _twice("operator", [each.name for each in graph.operators])
    known = set(graph.inputs)
    for operator in graph.operators:
        found += [f"{operator.name} reads {name} too early" for name in operator.inputs if name not in known]
        known.add(operator.output)
        if known.issuperset(operator.inputs) and graph.tensors.keys() >= {*operator.inputs, operator.output}:
            found += _shape_faults(operator, graph)
    found += [f"output {name} is made by nothing" for name in graph.outputs if name not in known]
    found += [f"{name} has no tensor" for name in known if name not in graph.tensors]
    found += [f"{name} is called {each.name}" for name, each in graph.tensors.items() if each.name != name]
    return found


def _twice(kind: str, names: list[str]) -> list[str]:
    return [f"{kind} {name} is made {count} times" for name, count in Counter(names).items() if count > 1]


def _shape_faults(operator: Operator, graph: Graph) -> list[str]:
    """Returns a fault if the output's shape does not follow from the inputs, for operators whose rule is one line."""
    source, out = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.output].shape
    wanted = out
    if isinstance(operator, Transpose):
        wanted = tuple(source[axis] for axis in operator.permutation)
    elif isinstance(operator, Gather):
        wanted = (*source[: operator.axis], operator.indices.size, *source[operator.axis + 1 :])
    elif isinstance(operator, Dense):
        wanted = (1, operator.weights.shape[0])
    elif isinstance(operator, Concat):
        extents = [graph.tensors[name].shape[operator.axis] for name in operator.inputs]
        wanted = (*source[: operator.axis], sum(extents), *source[operator.axis + 1 :])
    elif isinstance(operator, Reshape) and prod(source) != prod(out):
        wanted = source
    return [] if wanted == out else [f"{operator.name} makes {list(wanted)}, its tensor is {list(out)}"]
