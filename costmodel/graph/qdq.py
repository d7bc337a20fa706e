"""Builds quantised ONNX models in the QDQ form, which `load_graph` reads.

In this form operators compute with floats, and pairs of QuantizeLinear and DequantizeLinear state how each tensor is
quantised. Every activation passes such a pair. Weights are int8 and biases int32, each behind a DequantizeLinear with
one scale per output channel. onnxruntime's own quantiser writes the same form.

    qdq = QdqBuilder()
    x = qdq.requantized("image", Quantization(0.05, -20))
    x = qdq.accumulated("Conv", x, weights, bias, name="stem", kernel_shape=[3, 3])
    x = qdq.requantized(qdq.node("Relu", x), Quantization(0.1, -128))
    model = qdq.model("tiny", {"image": (1, 3, 8, 8)}, {x: (1, 4, 6, 6)})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from sparse_mcu.costmodel.graph.names import Names
from sparse_mcu.costmodel.graph.tensor import Quantization

OPSET: Final = 17
IR_VERSION: Final = 8
"""Of onnx 1.12, which introduced opset 17."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A constant that is quantised symmetrically: real = scales * values.

    Attributes:
        values: int8 or int32.
        scales: float32 [] for the whole constant, or one for each index of axis `axis`.
        axis: The axis of the output channels.
    """

    values: npt.NDArray[np.generic]
    scales: npt.NDArray[np.float32]
    axis: int = 0


class QdqBuilder:
    """Collects the nodes and constants of a model.

    A method that adds something returns the name of the float or integer tensor that it made. A node has the name of
    its output. A name that is taken gets a number.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._names = Names()

    def unique(self, wanted: str) -> str:
        """Reserves a name and returns it: `wanted`, or one made from it."""
        return self._names.unique(wanted)

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:  # noqa: ANN401 - onnx takes values of any kind
        """Adds a node with one output.

        Args:
            kind: The ONNX operator type.
            inputs: Tensor names; "" leaves an optional input out.
            name: Of the node and its output; made from `kind` if not given.
            attributes: Of the operator.
        """
        output = self.unique(name or kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: npt.ArrayLike, *, name: str = "constant") -> str:
        """Adds a constant with the element type of `values`."""
        stored = self.unique(name)
        self.initializers.append(numpy_helper.from_array(np.asarray(values), stored))
        return stored

    def quantized(self, value: str, quantization: Quantization, dtype: npt.DTypeLike = np.int8) -> str:
        """Adds a QuantizeLinear behind a float tensor; returns its codes."""
        return self._quantized(value, *self._parameters(value, quantization, dtype))

    def dequantized(self, codes: str, quantization: Quantization, dtype: npt.DTypeLike = np.int8) -> str:
        """Adds a DequantizeLinear behind codes; returns the float tensor."""
        return self._dequantized(codes, *self._parameters(codes, quantization, dtype))

    def requantized(self, value: str, quantization: Quantization) -> str:
        """Adds both behind a float tensor, with one pair of parameters; returns the float tensor."""
        parameters = self._parameters(value, quantization, np.int8)
        codes = self._quantized(value, *parameters)
        return self._dequantized(codes, *parameters, name=f"{value}_dequantized")

    def weights(self, codes: Codes, *, name: str = "weights") -> str:
        """Adds a quantised constant and its DequantizeLinear; returns the float tensor."""
        inputs = (
            self.constant(codes.values, name=f"{name}_quantized"),
            self.constant(codes.scales, name=f"{name}_scale"),
            self.constant(np.zeros(codes.scales.shape, codes.values.dtype), name=f"{name}_zero_point"),
        )
        return self.node("DequantizeLinear", *inputs, name=name, axis=codes.axis)

    def accumulated(self, kind: str, value: str, weights: Codes, bias: Codes, *, name: str, **attributes: Any) -> str:  # noqa: ANN401 - as above
        """Adds a layer that accumulates products.

        Args:
            kind: "Conv" or "Gemm".
            value: The float tensor that it reads.
            weights: int8, output channels first (for a Gemm with transB=1).
            bias: int32, one for each output channel, in units of the input's scale times that of the weights.
            name: Of the layer; those of its constants and its output begin with it.
            attributes: Of the operator.
        """
        constants = (self.weights(weights, name=f"{name}_weights"), self.weights(bias, name=f"{name}_bias"))
        return self.node(kind, value, *constants, name=f"{name}_sums", **attributes)

    def model(
        self,
        name: str,
        inputs: Mapping[str, tuple[int, ...]],
        outputs: Mapping[str, tuple[int, ...]],
        *,
        producer_version: str = "",
    ) -> onnx.ModelProto:
        """Returns the model, checked by onnx.

        Args:
            name: Of the graph.
            inputs: Shapes of the float inputs, by name.
            outputs: Shapes of the float outputs, by name.
            producer_version: What the file states as the version of its writer.

        Raises:
            onnx.checker.ValidationError: The nodes are no valid model.
        """
        graph = helper.make_graph(self.nodes, name, _ports(inputs), _ports(outputs), self.initializers)
        made = helper.make_model(
            graph,
            producer_name="sparse-mcu",
            producer_version=producer_version,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(made, full_check=True)
        return made

    def _parameters(self, stem: str, quantization: Quantization, dtype: npt.DTypeLike) -> tuple[str, str]:
        """Names of scale and zero point."""
        scale = self.constant(np.float32(quantization.scale), name=f"{stem}_scale")
        return scale, self.constant(np.asarray(quantization.zero_point, dtype), name=f"{stem}_zero_point")

    def _quantized(self, value: str, scale: str, zero_point: str) -> str:
        return self.node("QuantizeLinear", value, scale, zero_point, name=f"{value}_quantized")

    def _dequantized(self, codes: str, scale: str, zero_point: str, *, name: str = "") -> str:
        return self.node("DequantizeLinear", codes, scale, zero_point, name=name or f"{codes}_dequantized")


def _ports(shapes: Mapping[str, tuple[int, ...]]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
