"""Join a pure clamp (a Relu or Clip in the producer's own units) to the operator that makes its input."""

from collections import Counter
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

_Clamping = Conv2d | Dense | Add | MaxPool2d | AveragePool2d | Requantize


def join_clamps(graph: Graph) -> Graph:
    """The graph without clamps that their producers can do.

    The clamp goes up through views that nobody else reads: moving elements commutes with clamping them.
    """
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    readers.update(graph.outputs)
    made_by: dict[str, Operator] = {}
    same: dict[str, str] = {}
    for original in graph.operators:
        operator = replace(original, inputs=tuple(same.get(name, name) for name in original.inputs))
        source = operator.inputs[0]
        producer = _clamping_producer(source, made_by, readers)
        if isinstance(operator, Requantize) and producer is not None and _same_units(operator, graph):
            clamp = _chained(producer.clamp, operator.clamp)
            made_by[producer.output] = replace(producer, clamp=clamp)
            same[operator.output] = source
            readers[source] = readers[operator.output]
        else:
            made_by[operator.output] = operator
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in same}
    return replace(graph, operators=tuple(made_by.values()), outputs=outputs, tensors=tensors)


def _same_units(operator: Requantize, graph: Graph) -> bool:
    """Whether it only clamps."""
    return graph.tensors[operator.inputs[0]].quantization == graph.tensors[operator.output].quantization


def _clamping_producer(name: str, made_by: Mapping[str, Operator], readers: Mapping[str, int]) -> _Clamping | None:
    """The operator that makes the elements of `name`, if nobody else reads them and it can clamp."""
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
