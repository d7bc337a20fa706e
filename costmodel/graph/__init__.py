"""Turns an untrusted ONNX file into an immutable int8 graph."""

from sparse_mcu.costmodel.graph.gate import Model
from sparse_mcu.costmodel.graph.graph import Graph, Port
from sparse_mcu.costmodel.graph.load import load_graph
from sparse_mcu.costmodel.graph.operators import (
    Add,
    AveragePool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    Gather,
    MaxPool2d,
    Operator,
    Pad2d,
    Requantize,
    Reshape,
    Slice,
    Softmax,
    Transpose,
    Window,
)
from sparse_mcu.costmodel.graph.ports import decode_output, encode_batch, encode_input
from sparse_mcu.costmodel.graph.requantization import Rescale, rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor

__all__ = [
    "Add",
    "AveragePool2d",
    "Clamp",
    "Concat",
    "Conv2d",
    "Dense",
    "Gather",
    "Graph",
    "MaxPool2d",
    "Model",
    "Operator",
    "Pad2d",
    "Port",
    "Quantization",
    "Requantize",
    "Rescale",
    "Reshape",
    "Slice",
    "Softmax",
    "Tensor",
    "Transpose",
    "Window",
    "decode_output",
    "encode_batch",
    "encode_input",
    "load_graph",
    "rescale_for",
]
