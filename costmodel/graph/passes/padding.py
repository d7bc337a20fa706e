"""Folds a border into the window that alone reads it."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, MaxPool2d, Operator, Pad2d

_Windowed = Conv2d | AveragePool2d | MaxPool2d
_NEVER_WINS = -128

_log = logging.getLogger(__name__)


def fold_padding(graph: Graph) -> Graph:
    """Lets windows pad for themselves. A Pad2d that nobody reads any more is left to `remove_dead`.

    A window pads with its input's zero point, which adds nothing to a sum; a maximum pads with the lowest code. Only
    a border of that value can be folded.
    """
    pads = _pads_of_one_reader(graph)
    return replace(graph, operators=tuple(_folded(operator, pads, graph) for operator in graph.operators))


def padding_is_folded(graph: Graph) -> bool:
    """Tells whether every Pad2d that is left has other readers or a border that its window cannot make."""
    pads = _pads_of_one_reader(graph)
    return all(_folded(operator, pads, graph) is operator for operator in graph.operators)


def log_kept_padding(graph: Graph) -> None:
    """Logs each window that reads a Pad2d, because its border costs memory and time."""
    makers = graph.makers()
    for operator in graph.operators:
        if isinstance(operator, _Windowed) and isinstance(makers.get(operator.inputs[0]), Pad2d):
            _log.debug("%s: %s keeps the Pad2d before it", graph.name, operator.name)


def _pads_of_one_reader(graph: Graph) -> dict[str, Pad2d]:
    """Every Pad2d whose output is read once, by that output's name."""
    readers = graph.readers()
    return {
        operator.output: operator
        for operator in graph.operators
        if isinstance(operator, Pad2d) and readers[operator.output] == 1
    }


def _folded(operator: Operator, pads: Mapping[str, Pad2d], graph: Graph) -> Operator:
    """The operator with its Pad2d inside, or the same object if there is none to fold."""
    pad = pads.get(operator.inputs[0])
    if pad is None or not isinstance(operator, _Windowed):
        return operator
    neutral = graph.tensors[pad.output].quantization.zero_point
    if pad.value != (_NEVER_WINS if isinstance(operator, MaxPool2d) else neutral):
        return operator
    top, left, bottom, right = (a + b for a, b in zip(operator.window.padding, pad.padding, strict=True))
    window = replace(operator.window, padding=(top, left, bottom, right))
    return replace(operator, inputs=pad.inputs, window=window)
