"""Joins clamps to the operators that make their inputs.

A clamp here is a Requantize that changes neither scale nor zero point: a Relu or Clip in its input's own units.
"""

from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.limits import MAX_VIEWS
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Conv2d,
    Dense,
    MaxPool2d,
    Operator,
    Requantize,
    Reshape,
    Transpose,
)
from sparse_mcu.costmodel.graph.passes.views import renamed

_Clamping = Conv2d | Dense | Add | MaxPool2d | AveragePool2d | Requantize


def join_clamps(graph: Graph) -> Graph:
    """Lets an operator clamp its own output, so that the clamp behind it goes.

    The clamp passes through views that nobody else reads, since moving elements commutes with clamping them.
    """
    readers = graph.readers()
    made_by: dict[str, Operator] = {}
    same: dict[str, str] = {}
    for original in graph.operators:
        operator = renamed(original, same)
        producer = _joinable_producer(operator, graph, made_by, readers)
        if producer is not None and isinstance(operator, Requantize):
            clamp = _chained(producer.clamp, operator.clamp)
            made_by[producer.output] = replace(producer, clamp=clamp)
            same[operator.output] = operator.inputs[0]
            readers[operator.inputs[0]] = readers[operator.output]
        else:
            made_by[operator.output] = operator
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in same}
    return replace(graph, operators=tuple(made_by.values()), outputs=outputs, tensors=tensors)


def clamps_are_joined(graph: Graph) -> bool:
    """Tells whether no clamp is left that its producer could do."""
    made_by, readers = graph.makers(), graph.readers()
    return all(_joinable_producer(operator, graph, made_by, readers) is None for operator in graph.operators)


def _joinable_producer(
    operator: Operator, graph: Graph, made_by: Mapping[str, Operator], readers: Mapping[str, int]
) -> _Clamping | None:
    """The operator that can do what `operator` does, if that is only to clamp."""
    if not isinstance(operator, Requantize):
        return None
    if graph.tensors[operator.inputs[0]].quantization != graph.tensors[operator.output].quantization:
        return None
    return _clamping_producer(operator.inputs[0], made_by, readers)


def _clamping_producer(name: str, made_by: Mapping[str, Operator], readers: Mapping[str, int]) -> _Clamping | None:
    """The operator that makes the elements of `name`, if nothing else reads them and it can clamp."""
    for _ in range(MAX_VIEWS):
        producer = made_by.get(name)
        if producer is None or readers[name] != 1:
            return None
        if isinstance(producer, _Clamping):
            return producer
        if not isinstance(producer, Reshape | Transpose):
            return None
        name = producer.inputs[0]
    return None


def _chained(first: Clamp, second: Clamp) -> Clamp:
    """One clamp that does `first`, then `second`."""
    low = min(max(first.low, second.low), second.high)
    high = min(max(first.high, second.low), second.high)
    return Clamp(low=low, high=high)
