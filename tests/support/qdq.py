"""Builds small QDQ models with random weights and scales, for tests of everything that takes a model.

This module chooses the numbers and follows the shapes. `sparse_mcu.costmodel.graph.qdq` makes the nodes.

    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 16, 16))
    x = network.conv(x, 8, (3, 3), pads=(1, 1, 1, 1), relu=True)
    x = network.max_pool(x, (2, 2))
    x = network.dense(network.flatten(x), 10)
    network.save(path, network.softmax(x))

Every operator reads a DequantizeLinear and feeds a QuantizeLinear. With `direct=True`, a structural operator works on
the codes instead, as converters from TFLite leave it. Scales are chosen so that random inputs fill the int8 range.
"""

from dataclasses import dataclass, replace
from math import prod, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from sparse_mcu.costmodel.graph.qdq import Codes, QdqBuilder
from sparse_mcu.costmodel.graph.tensor import Quantization

_SPREAD = 74.0
"""The standard deviation of a uniform int8 code."""


@dataclass(frozen=True)
class Quantized:
    """An int8 or uint8 tensor of the model: its name, ONNX shape and quantisation."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


class QdqNetwork:
    """Builds a QDQ model operator by operator.

    Args:
        rng: The source of weights, biases and scales.
        dtype: The type of the activations, "int8" or "uint8".
        float_boundary: Whether inputs and outputs are float, with a QuantizeLinear and a DequantizeLinear.
        batch: The first dimension that the file states for its inputs.
        opset: The version of the default operator domain.
        density: The share of the weights that are not zero, as unstructured pruning leaves them.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        dtype: str = "int8",
        float_boundary: bool = False,
        batch: int | str | None = 1,
        opset: int = 17,
        density: float = 1.0,
    ) -> None:
        self.rng = rng
        self._density = density
        self._qdq = QdqBuilder()
        self.nodes = self._qdq.nodes
        self.initializers = self._qdq.initializers
        self.inputs: list[onnx.ValueInfoProto] = []
        self._dtype = np.dtype(dtype)
        self._float_boundary = float_boundary
        self._batch = batch
        self._opset = opset

    # Ends.

    def input(self, shape: tuple[int, ...], *, scale: float | None = None, zero_point: int | None = None) -> Quantized:
        """Adds a graph input."""
        scale = self.scale(0.02) if scale is None else scale
        zero_point = self.zero_point() if zero_point is None else zero_point
        name = self.fresh("input")
        kind = TensorProto.FLOAT if self._float_boundary else helper.np_dtype_to_tensor_dtype(self._dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, [self._batch, *shape[1:]]))
        if self._float_boundary:
            return self.quantize(name, shape, scale, zero_point)
        return Quantized(name, shape, scale, zero_point)

    def build(self, *outputs: Quantized) -> onnx.ModelProto:
        """Returns the model with these outputs."""
        infos = []
        for output in outputs:
            name = self.dequantize(output) if self._float_boundary else output.name
            kind = TensorProto.FLOAT if self._float_boundary else helper.np_dtype_to_tensor_dtype(self._dtype)
            infos.append(helper.make_tensor_value_info(name, kind, [self._batch, *output.shape[1:]]))
        graph = helper.make_graph(self.nodes, "qdq", self.inputs, infos, self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)], ir_version=8)

    def save(self, path: Path, *outputs: Quantized) -> Path:
        """Writes the model with these outputs to a file, and returns the file."""
        path.write_bytes(self.build(*outputs).SerializeToString())
        return path

    # Operators with weights.

    def conv(
        self,
        x: Quantized,
        channels: int,
        kernel: tuple[int, ...],
        *,
        groups: int = 1,
        per_channel: bool = True,
        bias: str | None = "int32",
        relu: bool = False,
        clip: tuple[float, float] | None = None,
        **attributes: object,
    ) -> Quantized:
        """Adds Conv [-> Relu or Clip]; `bias` is "int32", "float32" or None."""
        shape = (channels, x.shape[1] // groups, *kernel)
        weights, scale_w = self.weights(shape, 0, per_channel=per_channel)
        inputs = [self.dequantize(x), weights]
        typical = float(np.mean(scale_w)) * x.scale * _SPREAD * sqrt(prod(shape[1:])) * _SPREAD
        if bias is not None:
            inputs.append(self.bias(channels, x.scale * scale_w, typical, bias))
        name = self.node("Conv", inputs, group=groups, **attributes)
        return self._accumulated(name, self._conv_shape(x, channels, kernel, attributes), typical, relu=relu, clip=clip)

    def dense(
        self,
        x: Quantized,
        features: int,
        *,
        form: str = "Gemm",
        per_channel: bool = False,
        bias: str | None = "int32",
        relu: bool = False,
    ) -> Quantized:
        """Adds Gemm (transB), or MatMul [-> Add] if `form` is "MatMul"."""
        depth = x.shape[-1]
        matmul = form == "MatMul"
        shape, axis = ((depth, features), 1) if matmul else ((features, depth), 0)
        weights, scale_w = self.weights(shape, axis, per_channel=per_channel)
        typical = float(np.mean(scale_w)) * x.scale * _SPREAD * _SPREAD * sqrt(depth)
        extra = [] if bias is None else [self.bias(features, x.scale * scale_w, typical, bias)]
        if matmul:
            name = self.node("MatMul", [self.dequantize(x), weights])
            name = self.node("Add", [name, *extra]) if extra else name
        else:
            name = self.node("Gemm", [self.dequantize(x), weights, *extra], transB=1)
        return self._accumulated(name, (*x.shape[:-1], features), typical, relu=relu)

    # Operators without weights.

    def add(self, a: Quantized, b: Quantized, *, relu: bool = False) -> Quantized:
        """Adds an Add of two activations."""
        name = self.node("Add", [self.dequantize(a), self.dequantize(b)])
        return self._accumulated(name, a.shape, 0.6 * _SPREAD * (a.scale + b.scale), relu=relu)

    def max_pool(
        self, x: Quantized, kernel: tuple[int, ...], *, direct: bool = False, **attributes: object
    ) -> Quantized:
        """Adds a MaxPool; strides default to the kernel."""
        attributes = {"strides": kernel, **attributes}
        shape = self._conv_shape(x, x.shape[1], kernel, attributes)
        return self.structural("MaxPool", [x], shape, direct=direct, kernel_shape=kernel, **attributes)

    def average_pool(self, x: Quantized, kernel: tuple[int, ...], **attributes: object) -> Quantized:
        """Adds an AveragePool; strides default to the kernel."""
        attributes = {"strides": kernel, **attributes}
        name = self.node("AveragePool", [self.dequantize(x)], kernel_shape=kernel, **attributes)
        shape = self._conv_shape(x, x.shape[1], kernel, attributes)
        return self.quantize(name, shape, x.scale * self.rng.uniform(0.4, 1.0), self.zero_point())

    def global_average_pool(self, x: Quantized) -> Quantized:
        """Adds a GlobalAveragePool."""
        name = self.node("GlobalAveragePool", [self.dequantize(x)])
        shape = (*x.shape[:2], *[1] * (len(x.shape) - 2))
        return self.quantize(name, shape, x.scale * self.rng.uniform(0.3, 1.0), self.zero_point())

    def softmax(self, x: Quantized, *, axis: int = -1, scale: float = 1 / 256) -> Quantized:
        """Adds a Softmax with the usual output scale."""
        name = self.node("Softmax", [self.dequantize(x)], axis=axis)
        return self.quantize(name, x.shape, scale, int(np.iinfo(self._dtype).min))

    def flatten(self, x: Quantized, *, direct: bool = False) -> Quantized:
        """Adds a Flatten to (1, elements)."""
        return self.structural("Flatten", [x], (1, prod(x.shape)), direct=direct)

    def reshape(self, x: Quantized, shape: tuple[int, ...], *, direct: bool = False) -> Quantized:
        """Adds a Reshape."""
        target = self.constant(np.array(shape, np.int64))
        return self.structural("Reshape", [x], shape, extra=[target], direct=direct)

    def transpose(self, x: Quantized, order: tuple[int, ...], *, direct: bool = False) -> Quantized:
        """Adds a Transpose."""
        return self.structural("Transpose", [x], tuple(x.shape[axis] for axis in order), direct=direct, perm=order)

    def concat(self, xs: list[Quantized], axis: int, *, direct: bool = False) -> Quantized:
        """Adds a Concat. A direct one needs inputs that share a scale."""
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        largest = max(xs, key=lambda x: x.scale)
        return self.structural("Concat", xs, tuple(shape), like=largest, direct=direct, axis=axis)

    def gather(self, x: Quantized, indices: npt.ArrayLike, axis: int, *, direct: bool = False) -> Quantized:
        """Adds a Gather by a constant list."""
        listed = np.asarray(indices)
        shape = (*x.shape[:axis], listed.size, *x.shape[axis + 1 :])
        return self.structural("Gather", [x], shape, extra=[self.constant(listed)], direct=direct, axis=axis)

    def slice(
        self,
        x: Quantized,
        starts: list[int],
        ends: list[int],
        axes: list[int],
        steps: list[int],
        *,
        direct: bool = False,
    ) -> Quantized:
        """Adds a Slice by constants."""
        shape = list(x.shape)
        for axis, *limits in zip(axes, starts, ends, steps, strict=True):
            shape[axis] = len(range(shape[axis])[slice(*limits)])
        extra = [self.constant(np.array(numbers, np.int64)) for numbers in (starts, ends, axes, steps)]
        return self.structural("Slice", [x], tuple(shape), extra=extra, direct=direct)

    def pad(self, x: Quantized, pads: tuple[int, ...], *, code: int | None = None, direct: bool = False) -> Quantized:
        """Adds a Pad with zero, or with the number that `code` stands for."""
        rank = len(x.shape)
        shape = tuple(x.shape[axis] + pads[axis] + pads[rank + axis] for axis in range(rank))
        code = x.zero_point if code is None else code
        value = np.array(code, self._dtype) if direct else np.array((code - x.zero_point) * x.scale, np.float32)
        extra = [self.constant(np.array(pads, np.int64)), self.constant(value)]
        return self.structural("Pad", [x], shape, extra=extra, direct=direct)

    def requantize(self, x: Quantized, scale: float, zero_point: int, *, between: str = "") -> Quantized:
        """Adds DequantizeLinear [-> operator `between`] -> QuantizeLinear with another scale."""
        name = self.dequantize(x)
        name = self.node(between, [name]) if between else name
        return self.quantize(name, x.shape, scale, zero_point)

    # Parts.

    def structural(
        self,
        kind: str,
        xs: list[Quantized],
        shape: tuple[int, ...],
        *,
        extra: list[str] | None = None,
        like: Quantized | None = None,
        direct: bool = False,
        **attributes: object,
    ) -> Quantized:
        """Adds an operator that moves or selects elements, directly on codes or between dequantised tensors."""
        like = like or xs[0]
        inputs = [x.name if direct else self.dequantize(x) for x in xs]
        name = self.node(kind, [*inputs, *(extra or [])], **attributes)
        if direct:
            return replace(like, name=name, shape=shape)
        return self.quantize(name, shape, like.scale, like.zero_point)

    def quantize(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Quantized:
        """Adds a QuantizeLinear; the scale is rounded to float32."""
        scale = float(np.float32(scale))
        made = self._qdq.quantized(name, Quantization(scale, zero_point), self._dtype)
        return Quantized(made, shape, scale, zero_point)

    def dequantize(self, x: Quantized) -> str:
        """Adds a DequantizeLinear and returns the name of the float tensor."""
        return self._qdq.dequantized(x.name, Quantization(x.scale, x.zero_point), self._dtype)

    def weights(self, shape: tuple[int, ...], axis: int, *, per_channel: bool) -> tuple[str, npt.NDArray[np.float64]]:
        """Adds random int8 weights with a DequantizeLinear; returns the name of its output, and the scales."""
        codes = self.rng.integers(-127, 128, shape).astype(np.int8)
        if self._density < 1:
            codes *= self.rng.random(shape) < self._density
        size = (shape[axis],) if per_channel else ()
        scales = self.rng.uniform(0.002, 0.01, size).astype(np.float32)
        return self._qdq.weights(Codes(codes, np.asarray(scales), axis)), scales.astype(np.float64)

    def bias(self, channels: int, unit: npt.NDArray[np.float64], typical: float, kind: str) -> str:
        """Adds a random bias of standard deviation `typical` / 2, as int32 in accumulator units or as float."""
        real = self.rng.normal(0, typical / 2, channels)
        if kind == "float32":
            return self.constant(real.astype(np.float32))
        scales = np.broadcast_to(unit, (channels,)).astype(np.float32)
        return self._qdq.weights(Codes(np.rint(real / scales).astype(np.int32), scales), name="bias")

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """Adds a node with one output, and returns the name of the output."""
        return self._qdq.node(kind, *inputs, **attributes)

    def constant(self, array: npt.NDArray[np.generic]) -> str:
        """Adds an initializer and returns its name."""
        return self._qdq.constant(array)

    def fresh(self, stem: str) -> str:
        """Returns a name that was not used yet."""
        return self._qdq.unique(stem)

    def scale(self, around: float) -> float:
        """Draws a float32 scale between 0.7 and 1.4 times `around`."""
        return float(np.float32(around * self.rng.uniform(0.7, 1.4)))

    def zero_point(self) -> int:
        """Draws a zero point off the ends of the range."""
        return int(self.rng.integers(-40, 41)) + (128 if self._dtype == np.uint8 else 0)

    def _accumulated(
        self,
        name: str,
        shape: tuple[int, ...],
        typical: float,
        *,
        relu: bool = False,
        clip: tuple[float, float] | None = None,
    ) -> Quantized:
        """Adds [Relu or Clip ->] QuantizeLinear with a scale for numbers of standard deviation `typical`."""
        scale = typical / 45 * self.rng.uniform(0.8, 1.25)
        if clip is not None:
            limits = [self.constant(np.array(limit * typical, np.float32)) for limit in clip]
            name = self.node("Clip", [name, *limits])
        if relu:
            name = self.node("Relu", [name])
            return self.quantize(name, shape, scale / 2, int(np.iinfo(self._dtype).min))
        return self.quantize(name, shape, scale, self.zero_point())

    def _conv_shape(
        self, x: Quantized, channels: int, kernel: tuple[int, ...], attributes: dict[str, object]
    ) -> tuple[int, ...]:
        """Returns the shape of the output, as onnx infers it from a model of that operator alone."""
        attributes = {key: value for key, value in attributes.items() if key not in ("group", "count_include_pad")}
        node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=kernel, **attributes)
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
        made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        model = helper.make_model(
            helper.make_graph([node], "shape", [source], [made]), opset_imports=[helper.make_opsetid("", self._opset)]
        )
        inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape
        return (1, channels, *[entry.dim_value for entry in inferred.dim][2:])


def run_onnxruntime(
    model: onnx.ModelProto, inputs: dict[str, npt.NDArray[np.generic]], *, also: tuple[str, ...] = ()
) -> dict[str, npt.NDArray[np.generic]]:
    """Runs onnxruntime without optimisations. Returns the outputs and the tensors named in `also`."""
    widened = onnx.ModelProto()
    widened.CopyFrom(model)
    known = {output.name for output in model.graph.output}
    widened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in also if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(widened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))
