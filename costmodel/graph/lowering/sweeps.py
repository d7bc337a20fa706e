"""Finds out what only the readers of a tensor know: the scale that it will get, and the layout that they prefer.

Both sweeps run once over the nodes, from the last to the first.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError, malformed
from sparse_mcu.costmodel.graph.graph import ElementType
from sparse_mcu.costmodel.graph.lowering.constants import Constants, affine_of
from sparse_mcu.costmodel.graph.lowering.layout import Permutation, channels_last, permuted
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.tensor import Quantization

CHANNELS_LAST: Final[Permutation] = ()
"""Stands for the channels-last permutation of a tensor whose rank is not known yet."""

_ENOUGH = 2
_ELEMENT_TYPES: Mapping[str, ElementType] = MappingProxyType({"int8": "int8", "uint8": "uint8"})


@dataclass(frozen=True, slots=True)
class ActivationAffine:
    """How an activation is quantised: its parameters, shifted to int8, and the element type of its codes in ONNX."""

    quantization: Quantization
    dtype: ElementType


def activation_affine(node: Node, constants: Constants) -> ActivationAffine:
    """Returns the parameters of a QuantizeLinear or DequantizeLinear of an activation.

    Raises:
        ModelError: The parameters are not constant.
        UnsupportedQuantizationError: The parameters are per channel, not for int8 or uint8, or not positive.
    """
    inputs = [constants.get(name) for name in (*node.inputs, "", "")]
    affine = affine_of(node, inputs[1], inputs[2])
    if affine.scale.ndim:
        raise UnsupportedQuantizationError(
            "an activation quantised per channel", where=node.where, fix="Quantise activations per tensor."
        )
    dtype = _ELEMENT_TYPES.get(affine.dtype.name)
    if dtype is None:
        raise UnsupportedQuantizationError(
            f"activations of type {affine.dtype.name}", where=node.where, fix="Quantise activations to int8 or uint8."
        )
    if node.kind == "DequantizeLinear" and not node.has_input(2):
        raise UnsupportedQuantizationError("no zero point", where=node.where, fix="State the zero point, even if 0.")
    shift = 128 if dtype == "uint8" else 0
    return ActivationAffine(Quantization(float(affine.scale), int(affine.zero_point) - shift), dtype)


class Demands:
    """The quantisations that QuantizeLinear and DequantizeLinear nodes state for each tensor.

    A float tensor has the quantisation of the QuantizeLinear that it reaches through operators that keep the scale. An
    int8 tensor has that of its DequantizeLinear.

    Args:
        nodes: The nodes in a topological order.
        constants: The constants by tensor name.
        keeps_scale: The operator types that commute with quantisation.
    """

    def __init__(self, nodes: Iterable[Node], constants: Constants, keeps_scale: AbstractSet[str]) -> None:
        self._stated: dict[str, list[Quantization]] = {}
        for node in reversed(tuple(nodes)):
            if node.kind in ("QuantizeLinear", "DequantizeLinear"):
                self._note(node.inputs[:1], [activation_affine(node, constants).quantization])
            elif node.kind in keeps_scale:
                for output in node.outputs:
                    self._note(node.inputs, self._stated.get(output, []))

    def _note(self, names: Iterable[str], found: Iterable[Quantization]) -> None:
        for name in names:
            known = self._stated.setdefault(name, [])
            known.extend(entry for entry in found if entry not in known)
            del known[_ENOUGH:]

    def of(self, name: str, *, where: str) -> Quantization:
        """Returns the one quantisation that is stated for a tensor.

        Raises:
            UnsupportedQuantizationError: None is stated, or several are.
        """
        found = self._stated.get(name, [])
        if len(found) == 1:
            return found[0]
        fault = f"quantised with {found[0]}, and with {found[1]}" if found else "never quantised"
        raise UnsupportedQuantizationError(
            f"tensor {name[:120]!r} is {fault}",
            where=where,
            fix="Put one QuantizeLinear after the operator (quantise the whole network to int8, QDQ format).",
        )

    def is_stated(self, name: str) -> bool:
        """Tells whether any quantisation is stated for a tensor."""
        return bool(self._stated.get(name))

    def unique(self, name: str) -> Quantization | None:
        """Returns the quantisation that is stated for a tensor; None if none is stated, or several are."""
        found = self._stated.get(name, [])
        return found[0] if len(found) == 1 else None


class Preferences:
    """The layout that the readers of each tensor prefer. Graph inputs are stored in it.

    Args:
        nodes: The nodes in a topological order.
        channels_last: The operator types whose data input must be stored channels last.
        keeps_axes: The operator types whose inputs and output have the same axes.
    """

    def __init__(self, nodes: Iterable[Node], channels_last: AbstractSet[str], keeps_axes: AbstractSet[str]) -> None:
        self._liked: dict[str, Permutation] = {}
        for node in reversed(tuple(nodes)):
            after = next((self._liked[output] for output in node.outputs if output in self._liked), None)
            if node.kind in channels_last:
                self._liked.update(dict.fromkeys(node.inputs[:1], CHANNELS_LAST))
            elif node.kind == "Transpose" and after is not None:
                self._through_transpose(node, after)
            elif node.kind in keeps_axes and after is not None:
                self._liked.update(dict.fromkeys(node.inputs, after))

    def _through_transpose(self, node: Node, after: Permutation) -> None:
        order = node.attributes.integers("perm")
        if order is None or sorted(order) != list(range(len(order))):
            return
        stored = channels_last(len(order)) if after == CHANNELS_LAST else after
        if len(stored) == len(order):
            self._liked.update(dict.fromkeys(node.inputs[:1], permuted(order, stored)))

    def of(self, name: str, rank: int, *, where: str) -> Permutation:
        """Returns the permutation to store a graph input in.

        Raises:
            ModelError: The nodes behind the input need another rank.
        """
        liked = self._liked.get(name)
        if liked == CHANNELS_LAST:
            return channels_last(rank)
        if liked is not None and len(liked) != rank:
            raise malformed(f"rank {rank}, but a Transpose of rank {len(liked)} reads it", where)
        return tuple(range(rank)) if liked is None else liked
