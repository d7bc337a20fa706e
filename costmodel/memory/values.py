"""Which value holds each tensor: views share one, and a Concat's inputs may lie side by side in its output."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from costmodel.graph.graph import Graph
from costmodel.graph.operators import Concat, Operator, Reshape
from costmodel.memory.plan import Part

ALIGNMENT_BYTES = 4
"""Every value starts at a multiple of this: the word-wise kernels load and store 32 bits at once."""


def aligned(size_bytes: int) -> int:
    """`size_bytes` rounded up to the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True, slots=True)
class Values:
    """What is left of a graph's tensors without its views.

    Attributes:
        value_of: For each tensor, the value that holds it.
        pieces: For the output of each viewed Concat, the values that steps write instead, in order.
        parts: Where the values lie that steps write into the output of a viewed Concat.
        views: Names of the operators that nobody executes.
    """

    value_of: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Part]
    views: frozenset[str]

    def written(self, tensor: str) -> tuple[str, ...]:
        """The values that steps write to make `tensor`; it starts where the first of them does."""
        value = self.value_of[tensor]
        return self.pieces.get(value, (value,))

    def place(self, tensor: str) -> tuple[str, int]:
        """The buffer that holds `tensor`, and how far from the buffer's start."""
        value = self.written(tensor)[0]
        part = self.parts.get(value)
        return (part.buffer, part.displacement_bytes) if part else (value, 0)


def values_of(graph: Graph, concats: Collection[str]) -> Values:
    """Merge the views of `graph`, and those of the named Concats that can be views."""
    value_of = {name: name for name in graph.tensors}
    pieces: dict[str, tuple[str, ...]] = {}
    inside: dict[str, tuple[str, int]] = {}
    views: set[str] = set()
    for operator in graph.operators:
        if isinstance(operator, Reshape):
            value_of[operator.output] = value_of[operator.inputs[0]]
            views.add(operator.name)
        elif operator.name in concats and is_contiguous(graph, operator):
            values = [value_of[name] for name in operator.inputs]
            if len({*values}) == len(values) and inside.keys().isdisjoint(values):
                starts = _displacements(graph, values)
                inside |= {value: (operator.output, at) for value, at in zip(values, starts, strict=False)}
                pieces[operator.output] = tuple(leaf for value in values for leaf in pieces.get(value, (value,)))
                views.add(operator.name)
    parts = {value: _part(graph, value, inside) for value in inside if value not in pieces}
    return Values(value_of, pieces, parts, frozenset(views))


def is_contiguous(graph: Graph, operator: Operator) -> bool:
    """Whether `operator` is a Concat whose inputs are stretches of its output that start at aligned addresses."""
    if not isinstance(operator, Concat):
        return False
    outer = graph.output_of(operator).shape[: operator.axis]
    starts = _displacements(graph, operator.inputs)
    return all(size == 1 for size in outer) and all(at == aligned(at) for at in starts[:-1])


def _displacements(graph: Graph, tensors: Sequence[str]) -> list[int]:
    """Where each tensor starts, side by side, and where the last one ends."""
    return [*accumulate((graph.tensors[name].size_bytes for name in tensors), initial=0)]


def _part(graph: Graph, value: str, inside: Mapping[str, tuple[str, int]]) -> Part:
    buffer, displacement = inside[value]
    while buffer in inside:
        buffer, further = inside[buffer]
        displacement += further
    return Part(buffer, displacement, graph.tensors[value].size_bytes)
