"""Writes a quantised network as ONNX in the QDQ form; see `sparse_mcu.costmodel.graph.qdq`."""

from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path

import numpy as np
import onnx

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.graph.qdq import Codes, QdqBuilder
from sparse_mcu.search.network.stages.quantization import QuantizedNetwork, QuantizedWeights
from sparse_mcu.search.space.architecture import (
    IMAGE,
    Add,
    AveragePool,
    Concat,
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Select,
)


def write_onnx(network: QuantizedNetwork, path: Path, *, name: str) -> None:
    """Writes the network to `path`, checked by onnx; the parent folder must exist.

    Args:
        network: The network to write.
        path: The file.
        name: The name of the ONNX graph.
    """
    onnx.save(build_model(network, name=name), path)


def build_model(network: QuantizedNetwork, *, name: str) -> onnx.ModelProto:
    """Returns the network as a checked ONNX model with input "image" and output "logits"."""
    qdq = QdqBuilder()
    values = {IMAGE: qdq.requantized(IMAGE, network.input)}
    for quantized in network.layers:
        layer = quantized.layer
        value = add_layer(layer, qdq, [values[name] for name in layer.inputs], quantized.weights)
        is_moved = isinstance(layer, Flatten | Select)
        values[layer.name] = value if is_moved else qdq.requantized(value, quantized.output)
    qdq.nodes[-1].output[0] = "logits"
    task = network.architecture.task
    inputs, outputs = {IMAGE: (1, *task.shape)}, {"logits": (1, task.classes)}
    return qdq.model(name, inputs, outputs, producer_version=__version__)


@singledispatch
def add_layer(layer: Layer, _qdq: QdqBuilder, _values: Sequence[str], _weights: QuantizedWeights | None) -> str:
    """Adds the nodes of a layer and returns the name of its output. A new kind of layer registers its own function."""
    raise TypeError(f"no ONNX nodes for {type(layer).__name__}")


@add_layer.register
def _(layer: Conv, qdq: QdqBuilder, values: Sequence[str], weights: QuantizedWeights) -> str:
    before, after = layer.padding
    convolved = qdq.accumulated(
        "Conv",
        values[0],
        *_codes(weights),
        name=layer.name,
        kernel_shape=[layer.kernel, layer.kernel],
        strides=[layer.stride, layer.stride],
        pads=[before, before, after, after],
        group=layer.groups,
    )
    return qdq.node("Relu", convolved, name=layer.name) if layer.relu else convolved


@add_layer.register
def _(layer: Add, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    return qdq.node("Relu", qdq.node("Add", *values, name=f"{layer.name}_sums"), name=layer.name)


@add_layer.register
def _(layer: Concat, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    return qdq.node("Concat", *values, name=layer.name, axis=1)


@add_layer.register
def _(layer: Dense, qdq: QdqBuilder, values: Sequence[str], weights: QuantizedWeights) -> str:
    sums = qdq.accumulated("Gemm", values[0], *_codes(weights), name=layer.name, transB=1)
    return qdq.node("Relu", sums, name=layer.name) if layer.hidden else sums


@add_layer.register
def _(layer: MaxPool, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    sides = [layer.size, layer.size]
    return qdq.node("MaxPool", *values, name=layer.name, kernel_shape=sides, strides=sides)


@add_layer.register
def _(layer: AveragePool, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    if layer.window == layer.input_shape[1:]:
        return qdq.node("GlobalAveragePool", *values, name=layer.name)
    sides = list(layer.window)
    return qdq.node("AveragePool", *values, name=layer.name, kernel_shape=sides, strides=sides)


@add_layer.register
def _(layer: Flatten, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    return qdq.node("Flatten", *values, name=layer.name, axis=1)


@add_layer.register
def _(layer: Select, qdq: QdqBuilder, values: Sequence[str], _weights: None) -> str:
    indices = qdq.constant(np.array(layer.indices, np.int64), name=f"{layer.name}_indices")
    return qdq.node("Gather", *values, indices, name=layer.name, axis=1)


def _codes(weights: QuantizedWeights) -> tuple[Codes, Codes]:
    """Returns the codes of a layer's weights and of its bias."""
    return Codes(weights.values, weights.scales), Codes(weights.bias, weights.bias_scales)
