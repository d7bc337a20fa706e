"""Two small networks that the golden files and wall-time benchmarks use: every operator, the same bytes for ever.

Their weights are pseudo-random (PCG64, fixed seeds), for bytes and cycles do not depend on what a network has learnt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17
_IR_VERSION = 8
_ACTIVATION_SCALE = 0.05
_WEIGHT_SCALE = 0.01


@dataclass(slots=True)
class _Network:
    """An ONNX graph in the making; every method returns the name of the value that it adds."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - onnx takes values of any kind
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: npt.ArrayLike) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def requantized(self, value: str, scale: float = _ACTIVATION_SCALE, zero_point: int = -20) -> str:
        parameters = self.constant(np.float32(scale)), self.constant(np.int8(zero_point))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", value, *parameters), *parameters)

    def weights(self, *shape: int) -> tuple[str, str]:
        channels = shape[0]
        scales = (_WEIGHT_SCALE * self.rng.uniform(0.5, 1.5, channels)).astype(np.float32)
        arrays = (
            (self.rng.integers(-127, 128, shape, dtype=np.int8), scales),
            (self.rng.integers(-500, 500, channels, dtype=np.int32), scales * np.float32(_ACTIVATION_SCALE)),
        )
        weights, bias = (
            self.node(
                "DequantizeLinear",
                self.constant(values),
                self.constant(factors),
                self.constant(np.zeros(channels, values.dtype)),
                axis=0,
            )
            for values, factors in arrays
        )
        return weights, bias

    def conv(self, value: str, *shape: int, relu: bool = True, **attributes: Any) -> str:  # noqa: ANN401 - as above
        kernel = list(shape[2:])
        sums = self.node("Conv", value, *self.weights(*shape), kernel_shape=kernel, **attributes)
        return self.requantized(self.node("Relu", sums) if relu else sums)

    def dense(self, value: str, units: int, features: int) -> str:
        return self.requantized(self.node("Gemm", value, *self.weights(units, features), transB=1))

    def model(self, name: str, shape: tuple[int, ...], classes: int) -> onnx.ModelProto:
        output = self.nodes[-1].output[0]
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *shape])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, classes])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, producer_name="sparse-mcu", ir_version=_IR_VERSION, opset_imports=opsets)
        onnx.checker.check_model(model, full_check=True)
        return model


def plain() -> onnx.ModelProto:
    """A chain as the search proposes it for digits: 8x8, convolutions, max pooling, two dense layers."""
    net = _Network(np.random.Generator(np.random.PCG64(1)))
    value = net.conv(net.requantized("image"), 6, 1, 3, 3, pads=[1, 1, 1, 1])
    value = net.requantized(net.node("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2]))
    value = net.conv(value, 9, 6, 2, 2)
    value = net.node("Flatten", value, axis=1)
    net.dense(net.dense(value, 12, 81), 10, 12)
    return net.model("plain", (1, 8, 8), 10)


def branched() -> onnx.ModelProto:
    """A residual and a concatenated branch, depthwise, strided and padded convolutions, every pooling, softmax."""
    net = _Network(np.random.Generator(np.random.PCG64(2)))
    stem = net.conv(net.requantized("image"), 8, 3, 3, 3, strides=[2, 2], pads=[0, 0, 1, 1])
    left = net.conv(stem, 8, 1, 3, 3, group=8, pads=[1, 1, 1, 1])
    left = net.conv(left, 8, 8, 1, 1, relu=False)
    joined = net.requantized(net.node("Relu", net.node("Add", stem, left)))
    pooled = net.requantized(net.node("MaxPool", joined, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]))
    averaged = net.requantized(net.node("AveragePool", joined, kernel_shape=[2, 2], strides=[2, 2]), 0.04)
    narrow = net.conv(pooled, 4, 8, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    both = net.requantized(net.node("Concat", averaged, narrow, axis=1))
    value = net.requantized(net.node("GlobalAveragePool", both), 0.03)
    value = net.dense(net.node("Flatten", value, axis=1), 5, 12)
    net.requantized(net.node("Softmax", value, axis=-1), 1 / 256, -128)
    return net.model("branched", (3, 16, 16), 5)


NETWORKS: Mapping[str, Callable[[], onnx.ModelProto]] = {"plain": plain, "branched": branched}


def write_network(name: str, folder: Path) -> Path:
    """Write the network of that name into `folder` and return the file."""
    path = folder / f"{name}.onnx"
    onnx.save(NETWORKS[name](), path)
    return path
