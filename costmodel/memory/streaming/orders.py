"""Orders a graph's operators so that those that could be streamed together are neighbours.

A stream ends in one operator, and nobody outside of it reads what its other operators write. In a depth-first order
from the outputs, each operator directly follows the operators whose output only it reads. So nearly all such sets are
intervals. Of parallel branches, only the one visited last is next to the operator that joins them. So both directions
are tried: each gives other intervals.
"""

from collections.abc import Iterator
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator


def depth_first(graph: Graph) -> Iterator[Graph]:
    """Yield the graph in depth-first order from its first outputs, and from its last ones if that differs.

    Operators that no output needs come first, in their own order.
    """
    forwards, backwards = (_visited(graph, is_reversed=each) for each in (False, True))
    yield replace(graph, operators=forwards)
    if [each.name for each in backwards] != [each.name for each in forwards]:
        yield replace(graph, operators=backwards)


def _visited(graph: Graph, *, is_reversed: bool) -> tuple[Operator, ...]:
    writers = {operator.output: operator for operator in graph.operators}
    direction = 1 if is_reversed else -1  # what is pushed last is visited first
    needed: dict[str, Operator] = {}
    open_ = [writers[name] for name in graph.outputs[::direction] if name in writers]
    while open_:
        operator = open_[-1]
        missing = [writers[name] for name in operator.inputs[::direction] if name in writers]
        missing = [each for each in missing if each.name not in needed]
        if missing and operator.name not in needed:
            open_ += missing
        else:
            needed.setdefault(open_.pop().name, operator)
    unneeded = [each for each in graph.operators if each.name not in needed]
    return (*unneeded, *needed.values())
