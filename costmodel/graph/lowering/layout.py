"""How an ONNX tensor lies in memory: the permutation from ONNX axes to stored axes.

Feature maps are stored channels last (NHWC) whatever the model says, so most Transposes of a model
only change the permutation. Axes of one element can stand anywhere without moving a byte.
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
        tensor: The stored int8 tensor; a uint8 one is stored with its codes and zero point shifted by -128.
        permutation: Stored axis i holds ONNX axis permutation[i].
        dtype: Element type in ONNX: "int8" or "uint8" for codes, "float32" for the numbers they mean.
    """

    tensor: Tensor
    permutation: Permutation
    dtype: ElementType

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in ONNX axes."""
        return permuted(self.tensor.shape, inverse(self.permutation))

    @property
    def is_real(self) -> bool:
        """Whether ONNX sees numbers, not codes."""
        return self.dtype == "float32"


def identity(rank: int) -> Permutation:
    """Stored as ONNX says."""
    return tuple(range(rank))


def channels_last(rank: int) -> Permutation:
    """(N, C, spatial ...) stored as (N, spatial ..., C)."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)  # noqa: PLR2004 - (N, C) has no spatial axes


def inverse(permutation: Permutation) -> Permutation:
    """The permutation that undoes it."""
    result = [0] * len(permutation)
    for position, axis in enumerate(permutation):
        result[axis] = position
    return tuple(result)


def permuted(shape: Sequence[int], permutation: Permutation) -> tuple[int, ...]:
    """Dimensions in the order of `permutation`."""
    return tuple(shape[axis] for axis in permutation)


def moving_axes(shape: Sequence[int], permutation: Iterable[int]) -> tuple[int, ...]:
    """The axes of more than one element in stored order; equal for two permutations that store the same bytes."""
    return tuple(axis for axis in permutation if shape[axis] != 1)


def relabelled(value: Value, shape: Sequence[int]) -> Permutation | None:
    """The permutation under which `value`'s bytes are an ONNX tensor of a shape that differs by unit axes only.

    Returns:
        A permutation of the new axes (a usual one if its bytes agree), or None if other axes differ too.
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
