"""The workbench of the lowering rules. It holds the values and operators so far, and moves values between layouts."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import prod

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.limits import MAX_CONSTANT_ELEMENTS, MAX_RANK, MAX_TENSOR_BYTES
from sparse_mcu.costmodel.graph.lowering.constants import Constant, Constants
from sparse_mcu.costmodel.graph.lowering.layout import Permutation, Value, channels_last, inverse, moving_axes, permuted
from sparse_mcu.costmodel.graph.lowering.sweeps import ActivationAffine, Demands, activation_affine
from sparse_mcu.costmodel.graph.names import Names
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.operators import Clamp, Operator, Requantize, Reshape, Transpose
from sparse_mcu.costmodel.graph.requantization import rescale_for
from sparse_mcu.costmodel.graph.tensor import Quantization, Tensor

_IMAGE_RANK = 4

_log = logging.getLogger(__name__)


class Builder:
    """Collects what the rules make.

    Args:
        constants: The constants by ONNX tensor name.
        demands: The quantisations that are stated for each tensor.
    """

    def __init__(self, constants: Constants, demands: Demands) -> None:
        self.demands = demands
        self.operators: list[Operator] = []
        self.tensors: dict[str, Tensor] = {}
        self.values: dict[str, Value] = {}
        self._constants = constants
        self._operator_names = Names()
        self._tensor_names = Names()
        self._requantized: dict[tuple[str, Quantization, Clamp], Tensor] = {}
        self._elements = 0

    # What a node reads.

    def value(self, node: Node, index: int = 0) -> Value:
        """Returns the activation at an input.

        Raises:
            ModelError: The input is missing or a constant.
        """
        name = node.inputs[index] if node.has_input(index) else ""
        if name not in self.values:
            raise node.malformed(f"input {index} ({name[:120]!r}) must be an activation")
        return self.values[name]

    def real_value(self, node: Node, index: int = 0) -> Value:
        """Returns the activation at an input that must hold real numbers.

        Raises:
            ModelError: The input is missing, a constant, or codes.
        """
        value = self.value(node, index)
        if not value.is_real:
            raise node.malformed(f"input {index} is {value.dtype}, not float", fix="Put a DequantizeLinear before it.")
        return value

    def is_constant(self, node: Node, index: int) -> bool:
        """Tells whether the input at `index` is given and constant."""
        return node.has_input(index) and node.inputs[index] in self._constants

    def constant(self, node: Node, index: int) -> Constant:
        """Returns the constant at an input.

        Raises:
            ModelError: The input is missing or not constant, or nodes used more than `MAX_CONSTANT_ELEMENTS`.
        """
        if not self.is_constant(node, index):
            raise node.malformed(f"input {index} must be a constant", fix="Simplify the model first.")
        found = self._constants[node.inputs[index]]
        self._elements += found.codes.size
        if self._elements > MAX_CONSTANT_ELEMENTS:
            raise node.malformed(f"nodes use more than {MAX_CONSTANT_ELEMENTS} constant elements", fix="Shrink it.")
        return found

    def integers(self, node: Node, index: int, attribute: str) -> tuple[int, ...] | None:
        """Returns integers that older opsets state as an attribute, newer ones as a constant input; None if left out.

        Raises:
            ModelError: The input is not constant, or does not list integers.
        """
        if attribute in node.attributes:
            return node.attributes.integers(attribute)
        if not node.has_input(index):
            return None
        codes = self.constant(node, index).codes
        if codes.dtype.kind != "i" or codes.ndim > 1 or codes.size > MAX_RANK * 2:
            raise node.malformed(f"input {index} ({attribute}) must list integers")
        return tuple(int(entry) for entry in codes.reshape(-1))

    def demand(self, node: Node) -> Quantization:
        """Returns the quantisation that the node's output will get.

        Raises:
            UnsupportedQuantizationError: None is stated, or several are.
        """
        return self.demands.of(node.outputs[0], where=node.where)

    def stated_affine(self, node: Node) -> ActivationAffine:
        """Returns the scale, zero point and element type that a QuantizeLinear or DequantizeLinear states.

        Raises:
            UnsupportedQuantizationError: They do not suit an int8 or uint8 activation.
        """
        return activation_affine(node, self._constants)

    # What a node makes.

    def new_tensor(self, node: Node, shape: Sequence[int], quantization: Quantization) -> Tensor:
        """Adds a stored tensor, named after the node's output.

        Raises:
            ModelError: The shape is empty or beyond the limits.
        """
        return self.add_tensor(node.outputs[0], tuple(shape), quantization, where=node.where)

    def add_tensor(self, name: str, shape: tuple[int, ...], quantization: Quantization, *, where: str) -> Tensor:
        """Adds a stored tensor; its name is `name`, or made from it if that is taken."""
        if len(shape) > MAX_RANK or any(dimension < 1 for dimension in shape) or prod(shape) > MAX_TENSOR_BYTES:
            raise ModelError(
                f"a tensor of shape {list(shape)} is empty or larger than {MAX_TENSOR_BYTES} elements",
                where=where,
                fix="Check the shapes of the model.",
            )
        tensor = Tensor(self._tensor_names.unique(name), shape, quantization)
        self.tensors[tensor.name] = tensor
        return tensor

    def unique_name(self, node: Node) -> str:
        """Returns a name for an operator that is made from `node`."""
        return self._operator_names.unique(node.name)

    def add(self, operator: Operator) -> None:
        """Adds an operator. Its inputs must exist."""
        self.operators.append(operator)

    def requantize(self, node: Node, value: Value, quantization: Quantization, clamp: Clamp | None = None) -> Value:
        """Returns `value` in another quantisation and clamped; the same value if nothing changes."""
        clamp = clamp or Clamp()
        source = value.tensor
        if source.quantization == quantization and clamp == Clamp():
            return value
        key = (source.name, quantization, clamp)
        if key not in self._requantized:
            factor = source.quantization.scale / quantization.scale
            bound = max(127 - source.quantization.zero_point, 128 + source.quantization.zero_point)
            rescale = rescale_for(factor, bound, where=node.where)
            _log.debug("%s: a Requantize takes %s to %s", node.where, source.name, quantization)
            made = self.new_tensor(node, source.shape, quantization)
            name = self.unique_name(node)
            self.add(Requantize(name=name, inputs=(source.name,), output=made.name, rescale=rescale, clamp=clamp))
            self._requantized[key] = made
        return replace(value, tensor=self._requantized[key])

    # Layouts.

    def arrange(self, node: Node, value: Value, permutation: Permutation) -> Value:
        """Returns `value` stored under `permutation`: as it is, as a view, or behind a Transpose."""
        shape = value.shape
        stored = permuted(shape, permutation)
        if moving_axes(shape, permutation) == moving_axes(shape, value.permutation):
            return replace(value, tensor=self.view(node, value.tensor, stored), permutation=permutation)
        _log.debug("%s: a Transpose moves %s into the layout %s", node.where, value.tensor.name, permutation)
        moved = self.new_tensor(node, stored, value.tensor.quantization)
        order = permuted(inverse(value.permutation), permutation)
        name = self.unique_name(node)
        self.add(Transpose(name=name, inputs=(value.tensor.name,), output=moved.name, permutation=order))
        return replace(value, tensor=moved, permutation=permutation)

    def view(self, node: Node, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """Returns the bytes of `tensor` under another shape of the same size."""
        if tuple(shape) == tensor.shape:
            return tensor
        viewed = self.new_tensor(node, shape, tensor.quantization)
        self.add(Reshape(name=self.unique_name(node), inputs=(tensor.name,), output=viewed.name))
        return viewed

    def image(self, node: Node, value: Value, permutation: Permutation | None = None) -> Tensor:
        """Returns `value` as a feature map (1, H, W, C). A signal (1, C, L) has H = 1.

        Raises:
            ModelError: The value has another rank, or a batch.
        """
        rank = len(value.shape)
        if rank not in (_IMAGE_RANK - 1, _IMAGE_RANK) or value.shape[0] != 1:
            raise node.malformed(
                f"its input has shape {list(value.shape)}, not (1, C, H, W) or (1, C, L)",
                fix="Three-dimensional and batched operators have no rule.",
            )
        stored = self.arrange(node, value, permutation or channels_last(rank)).tensor
        return self.view(node, stored, stored.shape if rank == _IMAGE_RANK else (1, 1, *stored.shape[1:]))

    def from_image(self, node: Node, tensor: Tensor, like: Value) -> Value:
        """Returns the result of an operator on feature maps, with the rank and element type of its input `like`."""
        rank = len(like.shape)
        shape = tensor.shape if rank == _IMAGE_RANK else (1, *tensor.shape[2:])
        return Value(self.view(node, tensor, shape), channels_last(rank), like.dtype)
