"""Tracks how an ONNX tensor lies in memory: the permutation from ONNX axes to stored axes.

Feature maps are stored channels last (NHWC), whatever the layout of the model. Most Transposes of a model therefore
change only the permutation. An axis of one element can stand anywhere without moving a byte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparse_mcu.costmodel.graph.graph import ElementType
from sparse_mcu.costmodel.graph.tensor import Tensor

Permutation = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What an ONNX tensor name stands for.

    Attributes:
        tensor: The stored int8 tensor. A uint8 tensor is stored with codes and zero point shifted by -128.
        permutation: Stored axis i holds ONNX axis permutation[i].
        dtype: The element type in ONNX: "int8" or "uint8" for codes, "float32" for the numbers that they mean.
    """

    tensor: Tensor
    permutation: Permutation
    dtype: ElementType

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in ONNX axes."""
        return permuted(self.tensor.shape, inverse(self.permutation))

    @property
    def is_real(self) -> bool:
        """Whether the ONNX tensor holds numbers, not codes."""
        return self.dtype == "float32"


def identity(rank: int) -> Permutation:
    """Returns the permutation that stores a tensor in its ONNX axes."""
    return tuple(range(rank))


def channels_last(rank: int) -> Permutation:
    """Returns the permutation that stores (N, C, spatial ...) as (N, spatial ..., C)."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)  # noqa: PLR2004 - (N, C) has no spatial axes


def inverse(permutation: Permutation) -> Permutation:
    """Returns the permutation that undoes `permutation`."""
    result = [0] * len(permutation)
    for position, axis in enumerate(permutation):
        result[axis] = position
    return tuple(result)


def permuted(shape: Sequence[int], permutation: Permutation) -> tuple[int, ...]:
    """Returns the dimensions in the order of `permutation`."""
    return tuple(shape[axis] for axis in permutation)


def moving_axes(shape: Sequence[int], permutation: Iterable[int]) -> tuple[int, ...]:
    """Returns the axes of more than one element, in stored order. If they are equal, so are the stored bytes."""
    return tuple(axis for axis in permutation if shape[axis] != 1)


def relabelled(value: Value, shape: Sequence[int]) -> Permutation | None:
    """Finds the permutation that makes the bytes of `value` an ONNX tensor of another shape.

    Args:
        value: The tensor as it is stored.
        shape: The new ONNX shape, in which axes of one element may come and go.

    Returns:
        A permutation of the new axes, a usual one if possible; None if axes of more elements differ.
    """
    old = moving_axes(value.shape, identity(len(value.shape)))
    new = moving_axes(shape, identity(len(shape)))
    if [value.shape[axis] for axis in old] != [shape[axis] for axis in new]:
        return None
    renamed = dict(zip(old, new, strict=True))
    order = tuple(renamed[axis] for axis in moving_axes(value.shape, value.permutation))
    for usual in (channels_last(len(shape)), identity(len(shape))):
        if moving_axes(shape, usual) == order:
            return usual
    return (*(axis for axis in range(len(shape)) if shape[axis] == 1), *order)
