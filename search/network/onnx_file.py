"""Write a quantised network as ONNX: QDQ form, opset 17, one image at a time.

Every activation passes QuantizeLinear and DequantizeLinear; weights are int8 and biases int32
initialisers behind a DequantizeLinear per channel: the form that onnxruntime's own quantiser writes.
"""

from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.graph.tensor import Quantization
from sparse_mcu.search.network.stages.quantization import QuantizedNetwork, QuantizedWeights
from sparse_mcu.search.space.architecture import AveragePool, Conv, Dense, Flatten, Layer, MaxPool

OPSET = 17
_IR_VERSION = 8  # of onnx 1.12, which brought opset 17


class _Writer:
    """Collects nodes and initialisers; methods return the name of the value they produce."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401 - onnx takes values of any kind
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def quantize(self, value: str, quantization: Quantization) -> str:
        scale = self.constant(f"{value}_scale", quantization.scale, np.float32)
        zero_point = self.constant(f"{value}_zero_point", quantization.zero_point, np.int8)
        quantized = self.node("QuantizeLinear", [value, scale, zero_point], f"{value}_quantized")
        return self.node("DequantizeLinear", [quantized, scale, zero_point], f"{value}_dequantized")

    def dequantized(self, name: str, values: npt.NDArray[np.generic], scales: npt.NDArray[np.float32]) -> str:
        zeros = np.zeros(len(scales), dtype=values.dtype)
        inputs = [
            self.constant(f"{name}_quantized", values, values.dtype),
            self.constant(f"{name}_scale", scales, np.float32),
            self.constant(f"{name}_zero_point", zeros, values.dtype),
        ]
        return self.node("DequantizeLinear", inputs, name, axis=0)

    def weights(self, name: str, weights: QuantizedWeights) -> list[str]:
        return [
            self.dequantized(f"{name}_weights", weights.values, weights.scales),
            self.dequantized(f"{name}_bias", weights.bias, weights.bias_scales),
        ]


def write_onnx(network: QuantizedNetwork, path: Path, *, name: str) -> None:
    """Write the network to `path`, checked by onnx; its parent folder must exist.

    Args:
        network: What to write.
        path: The file; written in one go.
        name: The graph's name.
    """
    onnx.save(build_model(network, name=name), path)


def build_model(network: QuantizedNetwork, *, name: str) -> onnx.ModelProto:
    """The network as a checked ONNX model with input "image" and output "logits"."""
    writer = _Writer()
    value = writer.quantize("image", network.input)
    for quantized in network.layers:
        value = add_layer(quantized.layer, writer, value, quantized.weights)
        if not isinstance(quantized.layer, Flatten):
            value = writer.quantize(value, quantized.output)
    writer.nodes[-1].output[0] = "logits"
    task = network.architecture.task
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *task.shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, task.classes])],
        writer.initializers,
    )
    model = helper.make_model(
        graph,
        producer_name="sparse-mcu",
        producer_version=__version__,
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@singledispatch
def add_layer(layer: Layer, _writer: _Writer, _value: str, _weights: QuantizedWeights | None) -> str:
    """Add the nodes of a layer and return its output's name; a new kind of layer registers its own."""
    raise TypeError(f"no ONNX nodes for {type(layer).__name__}")


@add_layer.register
def _(layer: Conv, writer: _Writer, value: str, weights: QuantizedWeights) -> str:
    before, after = layer.padding
    convolved = writer.node(
        "Conv",
        [value, *writer.weights(layer.name, weights)],
        f"{layer.name}_sums",
        kernel_shape=[layer.kernel, layer.kernel],
        strides=[layer.stride, layer.stride],
        pads=[before, before, after, after],
        group=layer.groups,
    )
    return writer.node("Relu", [convolved], layer.name)


@add_layer.register
def _(layer: Dense, writer: _Writer, value: str, weights: QuantizedWeights) -> str:
    sums = f"{layer.name}_sums"
    writer.node("Gemm", [value, *writer.weights(layer.name, weights)], sums, transB=1)
    return writer.node("Relu", [sums], layer.name) if layer.hidden else sums


@add_layer.register
def _(layer: MaxPool, writer: _Writer, value: str, _weights: None) -> str:
    sides = [layer.size, layer.size]
    return writer.node("MaxPool", [value], layer.name, kernel_shape=sides, strides=sides)


@add_layer.register
def _(layer: AveragePool, writer: _Writer, value: str, _weights: None) -> str:
    if layer.window == layer.input_shape[1:]:
        return writer.node("GlobalAveragePool", [value], layer.name)
    sides = list(layer.window)
    return writer.node("AveragePool", [value], layer.name, kernel_shape=sides, strides=sides)


@add_layer.register
def _(layer: Flatten, writer: _Writer, value: str, _weights: None) -> str:
    return writer.node("Flatten", [value], layer.name, axis=1)
