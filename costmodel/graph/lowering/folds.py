"""Evaluates nodes that compute constants: dequantised weights, and the shape arithmetic that exporters leave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph.limits import MAX_CONSTANT_ELEMENTS, MAX_RANK
from sparse_mcu.costmodel.graph.lowering.constants import Affine, Constant, Constants, affine_of
from sparse_mcu.costmodel.graph.node import Node, from_start
from sparse_mcu.costmodel.graph.source import Source, read_tensor

_CODE_LIMITS: Mapping[np.dtype[np.generic], tuple[int, int]] = MappingProxyType(
    {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255)}
)

Inputs = Sequence[Constant | None]


def fold_constants(source: Source) -> tuple[Constants, tuple[Node, ...]]:
    """Evaluates the nodes that read only constants.

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
        result = fold(node, constants)
        if result is None:
            remaining.append(node)
            continue
        elements += result.codes.size
        if elements > MAX_CONSTANT_ELEMENTS:
            raise node.malformed(
                f"constants made by nodes have more than {MAX_CONSTANT_ELEMENTS} elements",
                fix="Simplify the model (constant folding) before giving it here.",
            )
        constants[node.outputs[0]] = result
    return constants, tuple(remaining)


def fold(node: Node, constants: Constants) -> Constant | None:
    """Returns what the node computes; None if an input is not constant or its type is none of `FOLDED_KINDS`.

    Raises:
        ModelError: The node is malformed.
        UnsupportedQuantizationError: The node quantises with a scale that is not a positive number.
    """
    function = _FOLDS.get(node.kind)
    if function is None or not all(name in constants for name in node.inputs if name):
        return None
    return function(node, [constants.get(name) for name in node.inputs])


def _constant(node: Node, _: Inputs) -> Constant:
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
    raise node.malformed("a constant without a numeric value")


def _first(node: Node, inputs: Inputs) -> Constant:
    if not inputs or inputs[0] is None:
        raise node.malformed("its input is missing")
    return inputs[0]


def _identity(node: Node, inputs: Inputs) -> Constant:
    return _first(node, inputs)


def _dequantize(node: Node, inputs: Inputs) -> Constant:
    data = _first(node, inputs)
    affine = _affine(node, inputs)
    if data.scale is not None or data.codes.dtype.kind not in "iu":
        raise node.malformed("dequantises a constant that is no integer")
    if node.has_input(2) and affine.dtype != data.codes.dtype:
        raise node.malformed(f"{data.codes.dtype} codes with a zero point of {affine.dtype}")
    return Constant(data.codes, affine.scale, affine.zero_point, _channel_axis(node, affine, data))


def _quantize(node: Node, inputs: Inputs) -> Constant:
    data = _first(node, inputs)
    affine = _affine(node, inputs)
    if affine.dtype not in _CODE_LIMITS:
        raise UnsupportedQuantizationError(
            f"quantises a constant to {affine.dtype}", where=node.where, fix="Quantise weights to int8."
        )
    along = [1] * len(data.shape)
    if affine.scale.ndim:
        along[_channel_axis(node, affine, data)] = -1
    real = data.real()
    if not np.all(np.isfinite(real)):
        raise node.malformed("quantises a constant that holds NaN or infinity", fix="Train again.")
    with np.errstate(over="ignore"):
        codes = np.rint(real / affine.scale.reshape(along)) + affine.zero_point.reshape(along)
    return Constant(np.clip(codes, *_CODE_LIMITS[affine.dtype]).astype(affine.dtype))


def _affine(node: Node, inputs: Inputs) -> Affine:
    padded = [*inputs, None, None]
    return affine_of(node, padded[1], padded[2])


def _channel_axis(node: Node, affine: Affine, data: Constant) -> int:
    """The axis of a per-channel constant, counted from the start; 0 for a per-tensor one."""
    if not affine.scale.ndim:
        return 0
    axis = from_start(affine.axis, len(data.shape))
    if not 0 <= axis < len(data.shape) or data.shape[axis] != affine.scale.size:
        raise node.malformed(f"{affine.scale.size} scales along axis {affine.axis} of shape {list(data.shape)}")
    return axis


def _transpose(node: Node, inputs: Inputs) -> Constant:
    data = _first(node, inputs)
    rank = len(data.shape)
    order = node.attributes.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise node.malformed(f"permutation {list(order)} of rank {rank}")
    axis = order.index(data.axis) if rank else 0
    return replace(data, codes=data.codes.transpose(order), axis=axis)


def _indices(node: Node, inputs: Inputs, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """An input that is a short list of integers, such as a shape."""
    found = inputs[index] if index < len(inputs) else None
    if found is None or found.codes.dtype.kind != "i" or found.codes.ndim > 1 or found.codes.size > 2 * MAX_RANK:
        raise node.malformed(
            f"input {index} is no short list of integers", fix="Simplify the model (constant folding)."
        )
    return found.codes.astype(np.int64)


def _cast(node: Node, inputs: Inputs) -> Constant:
    return Constant(_indices(node, inputs, 0))


def _gather(node: Node, inputs: Inputs) -> Constant:
    source, wanted = _indices(node, inputs, 0), _indices(node, inputs, 1)
    if source.ndim != 1 or np.any(wanted < -source.size) or np.any(wanted >= source.size):
        raise node.malformed("its indices leave its data")
    return Constant(source[wanted])


def _unsqueeze(node: Node, inputs: Inputs) -> Constant:
    source = _indices(node, inputs, 0)
    if source.size != 1:
        raise node.malformed("not a single number", fix="Simplify the model (constant folding).")
    return Constant(source.reshape(1))


def _squeeze(node: Node, inputs: Inputs) -> Constant:
    return Constant(_unsqueeze(node, inputs).codes.reshape(()))


def _concat(node: Node, inputs: Inputs) -> Constant:
    parts = [_indices(node, inputs, index).reshape(-1) for index in range(len(inputs))]
    if not 1 <= len(parts) <= 2 * MAX_RANK:
        raise node.malformed(f"{len(parts)} inputs")
    return Constant(np.concatenate(parts))


def _slice(node: Node, inputs: Inputs) -> Constant:
    source, start, end = (_indices(node, inputs, index) for index in range(3))
    step = _indices(node, inputs, 4) if node.has_input(4) else np.array([1])
    if source.ndim != 1 or start.size != 1 or end.size != 1 or step.size != 1 or step.item() == 0:
        raise node.malformed("not a slice of a list", fix="Simplify the model (constant folding).")
    return Constant(source[start.item() : end.item() : step.item()])


_FOLDS: Mapping[str, Callable[[Node, Inputs], Constant]] = MappingProxyType(
    {
        "Constant": _constant,
        "Identity": _identity,
        "DequantizeLinear": _dequantize,
        "QuantizeLinear": _quantize,
        "Transpose": _transpose,
        "Gather": _gather,
        "Unsqueeze": _unsqueeze,
        "Squeeze": _squeeze,
        "Concat": _concat,
        "Slice": _slice,
        "Cast": _cast,
    }
)

FOLDED_KINDS = frozenset(_FOLDS)
"""Operator types that disappear when all their inputs are constants."""
