"""Reads the attributes of an ONNX node, each as the type that its operator defines."""

from collections.abc import Iterable

import onnx

from sparse_mcu.costmodel.errors import malformed

_Kind = onnx.AttributeProto


class Attributes:
    """The attributes of a node by name.

    Each getter raises a ModelError if the attribute has another type.

    Args:
        attributes: The node's attributes.
        where: The node, for messages.
    """

    def __init__(self, attributes: Iterable[onnx.AttributeProto], where: str) -> None:
        self._attributes = {str(attribute.name): attribute for attribute in attributes}
        self._where = where

    def __contains__(self, name: str) -> bool:
        """Tells whether the node states the attribute."""
        return name in self._attributes

    def integer(self, name: str, default: int) -> int:
        """Returns an int attribute."""
        attribute = self._get(name, _Kind.INT)
        return default if attribute is None else int(attribute.i)

    def real(self, name: str, default: float) -> float:
        """Returns a float attribute."""
        attribute = self._get(name, _Kind.FLOAT)
        return default if attribute is None else float(attribute.f)

    def text(self, name: str, default: str) -> str:
        """Returns a string attribute."""
        attribute = self._get(name, _Kind.STRING)
        return default if attribute is None else attribute.s.decode("utf-8", "replace")

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Returns an attribute that lists ints; None if the node leaves it out."""
        attribute = self._get(name, _Kind.INTS)
        return None if attribute is None else tuple(attribute.ints)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """Returns a tensor attribute; None if the node leaves it out."""
        attribute = self._get(name, _Kind.TENSOR)
        return None if attribute is None else attribute.t

    def _get(self, name: str, kind: int) -> onnx.AttributeProto | None:
        attribute = self._attributes.get(name)
        if attribute is not None and attribute.type != kind:
            raise malformed(f"attribute {name!r} is of the wrong type", self._where)
        return attribute
