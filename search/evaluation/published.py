"""Computes the sizes of a network as SpArSe publishes them (Fedorov et al., NeurIPS 2019, section 3).

The paper writes ||w||_0 for the weights of a network that are not zero, and ||x_l||_0 and ||y_l||_0 for the elements of
the input and the output of layer l. A weight and an element take one byte each.

A layer is what computes: a convolution or a dense layer together with its batch normalisation and ReLU, a pool, an
addition. What only moves or renames values is none: flattening, concatenation, a border, a selection of features. An
addition has two inputs, and both count.
"""

from collections.abc import Iterator

import numpy as np

from sparse_mcu.costmodel.graph import Graph
from sparse_mcu.costmodel.graph.operators import (
    Concat,
    Conv2d,
    Dense,
    Gather,
    Operator,
    Pad2d,
    Reshape,
    Slice,
    Transpose,
)

_MOVERS = (Concat, Gather, Pad2d, Reshape, Slice, Transpose)


def model_size(graph: Graph) -> int:
    """Returns ModelSize = ||w||_0 in bytes. Biases and the indices of sparse weights do not count."""
    return sum(map(_weights, graph.operators))


def working_memory_1(graph: Graph) -> int:
    """Returns working memory with weights in RAM (model 1): the largest ||x_l||_0 + ||w_l||_0 of a layer, bytes."""
    return max(_inputs(graph, layer) + _weights(layer) for layer in _layers(graph))


def working_memory_2(graph: Graph) -> int:
    """Returns working memory with weights in flash (model 2): the largest ||x_l||_0 + ||y_l||_0 of a layer, bytes."""
    return max(_inputs(graph, layer) + graph.output_of(layer).size_bytes for layer in _layers(graph))


def _layers(graph: Graph) -> Iterator[Operator]:
    return (operator for operator in graph.operators if not isinstance(operator, _MOVERS))


def _inputs(graph: Graph, layer: Operator) -> int:
    return sum(tensor.size_bytes for tensor in graph.inputs_of(layer))


def _weights(operator: Operator) -> int:
    return int(np.count_nonzero(operator.weights)) if isinstance(operator, Conv2d | Dense) else 0
