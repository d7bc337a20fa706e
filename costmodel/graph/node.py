"""One ONNX node, and what every lowering rule asks of it: axes from the start, errors that name it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sparse_mcu.costmodel.errors import ModelError, malformed
from sparse_mcu.costmodel.graph.attributes import Attributes


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node.

    Attributes:
        kind: Its op_type.
        name: Its name; a node without one is named after its type and position.
        inputs: Tensor names; "" where an optional input is left out.
        outputs: Tensor names; "" where an optional output is left out.
        attributes: Its attributes, read through typed getters.
        where: File, name and type, for messages.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes
    where: str

    def has_input(self, index: int) -> bool:
        """Tells whether the optional input at `index` is given."""
        return index < len(self.inputs) and self.inputs[index] != ""

    def malformed(self, what: str, *, fix: str = "") -> ModelError:
        """Returns the error for a node that contradicts itself or the tensors it reads.

        Args:
            what: What is wrong, with the value that was got.
            fix: What the user can do; to export the model again, if nothing better is known.
        """
        return ModelError(what, where=self.where, fix=fix) if fix else malformed(what, self.where)

    def axis(self, rank: int, *, default: int, end_allowed: bool = False) -> int:
        """Returns the attribute `axis`, counted from the start.

        Args:
            rank: Dimensions of the tensor; a negative axis counts from its end.
            default: What ONNX defines for a node that leaves `axis` out.
            end_allowed: Whether `rank` itself is an axis, as Flatten has it.

        Raises:
            ModelError: The tensor has no such axis.
        """
        stated = self.attributes.integer("axis", default)
        axis = from_start(stated, rank)
        if not 0 <= axis < rank + end_allowed:
            raise self.malformed(f"axis {stated} of rank {rank}")
        return axis

    def axes(self, listed: Iterable[int], rank: int) -> tuple[int, ...]:
        """Returns the listed axes, each counted from the start.

        Args:
            listed: Axes as ONNX states them; a negative one counts from the end.
            rank: Dimensions of the tensor.

        Raises:
            ModelError: The tensor has no such axis, or an axis is listed twice.
        """
        stated = list(listed)
        axes = tuple(from_start(axis, rank) for axis in stated)
        if len(set(axes)) != len(axes) or not all(0 <= axis < rank for axis in axes):
            raise self.malformed(f"axes {stated} of rank {rank}")
        return axes


def from_start(axis: int, rank: int) -> int:
    """Counts a negative axis from the end of `rank` dimensions; returns any other as it is."""
    return axis + rank if axis < 0 else axis
