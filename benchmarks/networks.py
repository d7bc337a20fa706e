"""Builds the two small networks of the golden files and the wall-time benchmarks. Their bytes never change.

Their weights are pseudo-random (PCG64 with fixed seeds), since bytes and cycles do not depend on what a network learnt.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from sparse_mcu.costmodel.graph.qdq import Codes, QdqBuilder
from sparse_mcu.costmodel.graph.tensor import Quantization

_ACTIVATION_SCALE = 0.05
_WEIGHT_SCALE = 0.01


class _Network(QdqBuilder):
    """A QDQ model with pseudo-random weights.

    Args:
        seed: The seed of the weights.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def activation(self, value: str, scale: float = _ACTIVATION_SCALE, zero_point: int = -20) -> str:
        """Quantises an activation."""
        return self.requantized(value, Quantization(scale, zero_point))

    def conv(self, value: str, *shape: int, relu: bool = True, **attributes: Any) -> str:  # noqa: ANN401 - onnx takes values of any kind
        """Adds a Conv whose weights have that shape, and a Relu if wanted; quantises the result."""
        name = self.unique("conv")
        weights, bias = self._codes(shape)
        sums = self.accumulated("Conv", value, weights, bias, name=name, kernel_shape=list(shape[2:]), **attributes)
        return self.activation(self.node("Relu", sums) if relu else sums)

    def dense(self, value: str, units: int, features: int) -> str:
        """Adds a Gemm and quantises the result."""
        weights, bias = self._codes((units, features))
        return self.activation(self.accumulated("Gemm", value, weights, bias, name=self.unique("gemm"), transB=1))

    def finished(self, name: str, shape: tuple[int, ...], classes: int) -> onnx.ModelProto:
        """Returns the model; its output is what was added last."""
        return self.model(name, {"image": (1, *shape)}, {self.nodes[-1].output[0]: (1, classes)})

    def _codes(self, shape: tuple[int, ...]) -> tuple[Codes, Codes]:
        """Returns weights of a shape, with the output channels first, and a bias."""
        scales = (_WEIGHT_SCALE * self._rng.uniform(0.5, 1.5, shape[0])).astype(np.float32)
        weights = self._rng.integers(-127, 128, shape, dtype=np.int8)
        bias = self._rng.integers(-500, 500, shape[0], dtype=np.int32)
        return Codes(weights, scales), Codes(bias, scales * np.float32(_ACTIVATION_SCALE))


def plain() -> onnx.ModelProto:
    """Returns a chain like those that a search proposes for digits: convolutions, max pooling and two dense layers."""
    net = _Network(1)
    value = net.conv(net.activation("image"), 6, 1, 3, 3, pads=[1, 1, 1, 1])
    value = net.activation(net.node("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2]))
    value = net.conv(value, 9, 6, 2, 2)
    value = net.node("Flatten", value, axis=1)
    net.dense(net.dense(value, 12, 81), 10, 12)
    return net.finished("plain", (1, 8, 8), 10)


def branched() -> onnx.ModelProto:
    """Returns a network with a sum, a Concat, several kinds of convolution, every kind of pooling, and a Softmax."""
    net = _Network(2)
    stem = net.conv(net.activation("image"), 8, 3, 3, 3, strides=[2, 2], pads=[0, 0, 1, 1])
    left = net.conv(stem, 8, 1, 3, 3, group=8, pads=[1, 1, 1, 1])
    left = net.conv(left, 8, 8, 1, 1, relu=False)
    joined = net.activation(net.node("Relu", net.node("Add", stem, left)))
    pooled = net.activation(net.node("MaxPool", joined, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]))
    averaged = net.activation(net.node("AveragePool", joined, kernel_shape=[2, 2], strides=[2, 2]), 0.04)
    narrow = net.conv(pooled, 4, 8, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    both = net.activation(net.node("Concat", averaged, narrow, axis=1))
    value = net.activation(net.node("GlobalAveragePool", both), 0.03)
    value = net.dense(net.node("Flatten", value, axis=1), 5, 12)
    net.activation(net.node("Softmax", value, axis=-1), 1 / 256, -128)
    return net.finished("branched", (3, 16, 16), 5)


NETWORKS: Mapping[str, Callable[[], onnx.ModelProto]] = {"plain": plain, "branched": branched}


def write_network(name: str, folder: Path) -> Path:
    """Writes the network of that name into `folder`, and returns the file."""
    path = folder / f"{name}.onnx"
    onnx.save(NETWORKS[name](), path)
    return path
