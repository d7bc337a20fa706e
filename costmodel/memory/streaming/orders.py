"""Orders of a graph's operators in which what could be streamed together follows one another.

A stream ends in one operator, and nobody outside of it reads what the others write. Depth first from the outputs, each
operator directly follows what it alone reads, so nearly all such sets are runs; of parallel branches, the one visited
last adjoins the operator that joins them, so each direction gives other runs.
"""

from collections.abc import Iterator
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Operator


def depth_first(graph: Graph) -> Iterator[Graph]:
    """The graph with its operators depth first, from the first inputs and outputs on; from the last, if that differs.

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
