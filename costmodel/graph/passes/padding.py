"""Fold a border into the window that alone reads it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d, Operator, Pad2d

_Windowed = Conv2d | AveragePool2d | MaxPool2d
_NEVER_WINS = -128


def fold_padding(graph: Graph) -> Graph:
    """The graph in which windows pad for themselves; the Pad2d that nobody reads any more is for `remove_dead`.

    A window pads with its input's zero point, which adds nothing to a sum, or with the lowest code for a
    maximum: only a border of that value is folded.
    """
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    readers.update(graph.outputs)
    pads = {
        operator.output: operator
        for operator in graph.operators
        if isinstance(operator, Pad2d) and readers[operator.output] == 1
    }
    return replace(graph, operators=tuple(_folded(operator, pads, graph) for operator in graph.operators))


def _folded(operator: Operator, pads: Mapping[str, Pad2d], graph: Graph) -> Operator:
    pad = pads.get(operator.inputs[0])
    if pad is None or not isinstance(operator, _Windowed):
        return operator
    neutral = graph.tensors[pad.output].quantization.zero_point
    if pad.value != (_NEVER_WINS if isinstance(operator, MaxPool2d) else neutral):
        return operator
    top, left, bottom, right = (a + b for a, b in zip(operator.window.padding, pad.padding, strict=True))
    window = replace(operator.window, padding=(top, left, bottom, right))
    return replace(operator, inputs=pad.inputs, window=window)
