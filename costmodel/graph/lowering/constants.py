"""Constants and the nodes that only rearrange them, resolved before anything is lowered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from costmodel.errors import ModelError, UnsupportedQuantizationError
from costmodel.graph.limits import MAX_CONSTANT_ELEMENTS
from costmodel.graph.source import Node, Source, read_tensor

type_limits: Mapping[np.dtype[np.generic], tuple[int, int]] = MappingProxyType(
    {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255)}
)


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """An array, and how to read it: real = scale * (codes - zero_point), or the codes themselves.

    Attributes:
        codes: The stored numbers.
        scale: float64 [] or [channels]; None where the codes are plain numbers.
        zero_point: int64, of the shape of `scale`.
        axis: The axis of `codes` along which a per-channel scale runs.
    """

    codes: npt.NDArray[np.generic]
    scale: npt.NDArray[np.float64] | None = None
    zero_point: npt.NDArray[np.int64] | None = None
    axis: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.codes.shape

    def real(self) -> npt.NDArray[np.float64]:
        """The numbers meant."""
        if self.scale is None or self.zero_point is None:
            return self.codes.astype(np.float64)
        along = [1] * self.codes.ndim
        if self.scale.ndim:
            along[self.axis] = -1
        return (self.codes.astype(np.float64) - self.zero_point.reshape(along)) * self.scale.reshape(along)


Constants = dict[str, Constant]


def fold_constants(source: Source) -> tuple[Constants, tuple[Node, ...]]:
    """Evaluate the nodes that read nothing but constants.

    Returns:
        Every constant by tensor name, and the nodes that remain.

    Raises:
        ModelError: A constant node is malformed, or constants add up to more than `MAX_CONSTANT_ELEMENTS`.
        UnsupportedQuantizationError: A scale is not a positive number.
    """
    constants = {name: Constant(array) for name, array in source.constants.items()}
    remaining: list[Node] = []
    elements = 0
    for node in source.nodes:
        fold = _FOLDS.get(node.kind)
        if fold is None or not all(name in constants for name in node.inputs if name):
            remaining.append(node)
            continue
        result = fold(node, [constants.get(name) for name in node.inputs])
        elements += result.codes.size
        if elements > MAX_CONSTANT_ELEMENTS:
            raise ModelError(
                f"constants made by nodes have more than {MAX_CONSTANT_ELEMENTS} elements",
                where=node.where,
                fix="Simplify the model (constant folding) before giving it here.",
            )
        constants[node.outputs[0]] = result
    return constants, tuple(remaining)


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Scale and zero point of a QuantizeLinear or DequantizeLinear, checked.

    Attributes:
        scale: float64 [] or [channels], finite and positive.
        zero_point: int64, same shape.
        dtype: Element type of the codes.
        axis: As the node states it; may be negative.
    """

    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]
    dtype: np.dtype[np.generic]
    axis: int


def affine_of(node: Node, scale: Constant | None, zero_point: Constant | None) -> Affine:
    """The parameters of a QuantizeLinear or DequantizeLinear.

    Raises:
        ModelError: They are missing, of odd shapes, or not constant.
        UnsupportedQuantizationError: A scale is not a positive number, or blocked quantisation is asked for.
    """
    if scale is None or (zero_point is None and node.has_input(2)):
        raise ModelError("its scale or zero point is no constant", where=node.where, fix="Use static quantisation.")
    if node.attributes.integer("block_size", 0):
        raise UnsupportedQuantizationError(
            "blocked quantisation", where=node.where, fix="Quantise per tensor or per channel."
        )
    scales = _squeeze(scale.codes).astype(np.float64)
    if not np.all(np.isfinite(scales)) or np.any(scales <= 0):
        worst = scales[~(np.isfinite(scales) & (scales > 0))].flat[0] if scales.ndim else scales
        raise UnsupportedQuantizationError(
            f"scale {worst} is not a positive number", where=node.where, fix="Calibrate and quantise the model again."
        )
    codes = np.zeros(scales.shape, np.uint8) if zero_point is None else zero_point.codes
    zeros = _squeeze(codes).astype(np.int64)
    if scales.ndim > 1 or (zeros.ndim and zeros.shape != scales.shape):
        raise ModelError(
            f"scale of shape {list(scales.shape)} with zero point of shape {list(zeros.shape)}",
            where=node.where,
            fix="Export the model again.",
        )
    zeros = np.broadcast_to(zeros, scales.shape)
    return Affine(scales, zeros, codes.dtype, node.attributes.integer("axis", 1))


def _squeeze(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """A single element of any rank is a scalar."""
    return array.reshape(()) if array.size == 1 else array


def _constant(node: Node, _: list[Constant | None]) -> Constant:
    tensor = node.attributes.tensor("value")
    if tensor is not None:
        return Constant(read_tensor(tensor, where=node.where))
    if "value_int" in node.attributes:
        return Constant(np.array(node.attributes.integer("value_int", 0), np.int64))
    if "value_float" in node.attributes:
        return Constant(np.array(node.attributes.real("value_float", 0.0), np.float32))
    integers = node.attributes.integers("value_ints")
    if integers is not None:
        return Constant(np.array(integers, np.int64))
    raise ModelError("a constant without a numeric value", where=node.where, fix="Export the model again.")


def _first(node: Node, inputs: list[Constant | None]) -> Constant:
    if not inputs or inputs[0] is None:
        raise ModelError("its input is missing", where=node.where, fix="Export the model again.")
    return inputs[0]


def _identity(node: Node, inputs: list[Constant | None]) -> Constant:
    return _first(node, inputs)


def _dequantize(node: Node, inputs: list[Constant | None]) -> Constant:
    data = _first(node, inputs)
    affine = _affine(node, inputs)
    return Constant(data.codes, affine.scale, affine.zero_point, _channel_axis(node, affine, data))


def _quantize(node: Node, inputs: list[Constant | None]) -> Constant:
    data = _first(node, inputs)
    affine = _affine(node, inputs)
    if affine.dtype not in type_limits:
        raise UnsupportedQuantizationError(
            f"quantises a constant to {affine.dtype}", where=node.where, fix="Quantise weights to int8."
        )
    along = [1] * len(data.shape)
    if affine.scale.ndim:
        along[_channel_axis(node, affine, data)] = -1
    real = data.real()
    if not np.all(np.isfinite(real)):
        raise ModelError("quantises a constant that holds NaN or infinity", where=node.where, fix="Train again.")
    with np.errstate(over="ignore"):
        codes = np.rint(real / affine.scale.reshape(along)) + affine.zero_point.reshape(along)
    return Constant(np.clip(codes, *type_limits[affine.dtype]).astype(affine.dtype))


def _affine(node: Node, inputs: list[Constant | None]) -> Affine:
    padded = [*inputs, None, None]
    return affine_of(node, padded[1], padded[2])


def _channel_axis(node: Node, affine: Affine, data: Constant) -> int:
    """The axis of a per-channel constant, not negative; 0 for a per-tensor one."""
    if not affine.scale.ndim:
        return 0
    rank = len(data.shape)
    axis = affine.axis + rank if affine.axis < 0 else affine.axis
    if not 0 <= axis < rank or data.shape[axis] != affine.scale.size:
        raise ModelError(
            f"{affine.scale.size} scales along axis {affine.axis} of shape {list(data.shape)}",
            where=node.where,
            fix="Export the model again.",
        )
    return axis


def _transpose(node: Node, inputs: list[Constant | None]) -> Constant:
    data = _first(node, inputs)
    rank = len(data.shape)
    order = node.attributes.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise ModelError(f"permutation {list(order)} of rank {rank}", where=node.where, fix="Export the model again.")
    axis = order.index(data.axis) if rank else 0
    return replace(data, codes=data.codes.transpose(order), axis=axis)


_FOLDS: Mapping[str, Callable[[Node, list[Constant | None]], Constant]] = MappingProxyType(
    {
        "Constant": _constant,
        "Identity": _identity,
        "DequantizeLinear": _dequantize,
        "QuantizeLinear": _quantize,
        "Transpose": _transpose,
    }
)
