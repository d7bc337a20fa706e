"""Which value holds each tensor: views share one, and a Concat's inputs may lie in its output from the start.

They lie there side by side, or, where channels are joined, pixel by pixel: each input is then written at the pitch of
the output's pixels, by a kernel that can do so, and nobody but the Concat may read it. And what a kernel writes exactly
over its input is a value of its own in the input's buffer. A Slice that is one stretch of its input is read where that
lies.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

from costmodel.graph.graph import Graph
from costmodel.graph.operators import Concat, Operator, Reshape, Slice
from costmodel.memory.plan import KernelContract, Part

Contracts = Mapping[str, KernelContract]

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
        replaced: As in `MemoryProblem`.
        shifts: As in `MemoryProblem`: for what is, or is called by another name than, the output of a viewed Slice.
    """

    value_of: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Part]
    views: frozenset[str]
    replaced: Mapping[str, str]
    shifts: Mapping[str, int]

    def written(self, tensor: str) -> tuple[str, ...]:
        """The values that steps write to make `tensor`; it starts where the first of them does."""
        value = self.value_of[tensor]
        return self.pieces.get(value, (value,))

    def place(self, tensor: str) -> tuple[str, int]:
        """The buffer that holds `tensor`, and how far from the buffer's start."""
        value, shift = self.written(tensor)[0], self.shifts.get(tensor, 0)
        part = self.parts.get(value)
        return (part.buffer, part.displacement_bytes + shift) if part else (value, shift)

    def is_at_a_pitch(self, tensor: str) -> bool:
        """Whether there are other values between the pixels of `tensor`."""
        part = self.parts.get(self.value_of[tensor])
        return part is not None and part.pitch_bytes > 0


def values_of(graph: Graph, contracts: Contracts, viewed: Collection[str], replacing: Collection[str] = ()) -> Values:
    """Merge the views of `graph`, and the named Concats and Slices that can be views.

    Args:
        graph: The graph.
        contracts: What the kernels of its operators can do.
        viewed: Names of Concats and Slices.
        replacing: Names of operators whose outputs take the places of their inputs, if they can.
    """
    layout = _Layout(graph, contracts)
    for operator in graph.operators:
        if isinstance(operator, Reshape):
            layout.alias(operator)
        elif operator.name in viewed and isinstance(operator, Concat):
            layout.join(operator)
        elif operator.name in viewed and isinstance(operator, Slice):
            layout.cut(operator)
    parts = {value: layout.part(value) for value in layout.inside if value not in layout.pieces}
    replaced = layout.replaced(replacing) if replacing else {}
    parts |= {value: Part(first, 0, graph.tensors[value].size_bytes) for value, first in _firsts(replaced).items()}
    return Values(layout.value_of, layout.pieces, parts, frozenset(layout.views), replaced, layout.shifts)


def able_to_be_views(graph: Graph, contracts: Contracts) -> tuple[str, ...]:
    """Names of the Concats and Slices that can be views, each taken alone; arguments as of `values_of`."""
    uses = _Uses(graph, contracts)
    return tuple(
        each.name
        for each in graph.operators
        if (isinstance(each, Concat) and (is_contiguous(graph, each) or uses.interleaves(each)))
        or (isinstance(each, Slice) and stretch_bytes(graph, each) is not None)
    )


def is_contiguous(graph: Graph, operator: Concat) -> bool:
    """Whether the inputs are stretches of the output that start at aligned addresses."""
    outer = graph.output_of(operator).shape[: operator.axis]
    starts = _displacements(graph, operator.inputs)
    return all(size == 1 for size in outer) and all(at == aligned(at) for at in starts[:-1])


def stretch_bytes(graph: Graph, operator: Slice) -> int | None:
    """Where in its input the output lies, if it is one stretch of it that starts at an aligned address."""
    shape, result = graph.inputs_of(operator)[0].shape, graph.output_of(operator).shape
    cut = next((axis for axis, extent in enumerate(result) if extent > 1), len(result) - 1)
    is_stretch = (operator.steps[cut] == 1 or result[cut] == 1) and shape[cut + 1 :] == result[cut + 1 :]
    sizes = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    first = sum(start * size for start, size in zip(operator.starts, sizes, strict=True))
    return first if is_stretch and first == aligned(first) else None


class _Uses:
    """Who writes and who reads tensors."""

    def __init__(self, graph: Graph, contracts: Contracts) -> None:
        self.graph, self.contracts = graph, contracts

    @cached_property
    def writers(self) -> dict[str, Operator]:
        """By tensor."""
        return {operator.output: operator for operator in self.graph.operators}

    @cached_property
    def count(self) -> Counter[str]:
        """By tensor, how many inputs of operators and outputs of the graph it is."""
        return Counter([name for operator in self.graph.operators for name in operator.inputs] + [*self.graph.outputs])

    def interleaves(self, operator: Concat) -> bool:
        """Whether channels are joined of tensors that nobody else reads and whose writers can write at a pitch."""
        last = len(self.graph.output_of(operator).shape) - 1
        return operator.axis == last and all(map(self._is_private, operator.inputs))

    def _is_private(self, tensor: str) -> bool:
        writer = self.writers.get(tensor)
        if writer is None or isinstance(writer, Reshape) or self.count[tensor] > 1:
            return False
        return isinstance(writer, Concat) or self.takes_pitch(writer)

    def takes_pitch(self, operator: Operator) -> bool:
        """Whether its kernel can write at a pitch."""
        return operator.name in self.contracts and self.contracts[operator.name].takes_pitch

    def replaces(self, operator: Operator) -> bool:
        """Whether its output may lie where its only input is, which has no other use, and is as large."""
        source, output = self.graph.tensors[operator.inputs[0]], self.graph.output_of(operator)
        is_able = operator.name in self.contracts and self.contracts[operator.name].in_place
        return is_able and self.count[source.name] == 1 and output.size_bytes == source.size_bytes


class _Layout:
    """Values and where they lie, while one view after the other is found.

    Attributes:
        value_of: As in `Values`.
        pieces: As in `Values`.
        inside: For each value inside the output of a viewed Concat: that output, and how far from its start.
        interleaved: Outputs of the viewed Concats whose inputs are written at a pitch.
        views: As in `Values`.
        shifts: As in `Values`.
    """

    def __init__(self, graph: Graph, contracts: Contracts) -> None:
        self.graph, self.uses = graph, _Uses(graph, contracts)
        self.value_of = {name: name for name in graph.tensors}
        self.pieces: dict[str, tuple[str, ...]] = {}
        self.inside: dict[str, tuple[str, int]] = {}
        self.interleaved: set[str] = set()
        self.views: set[str] = set()
        self.shifts: dict[str, int] = {}

    def alias(self, operator: Reshape) -> None:
        """Its output is its input."""
        (source,) = operator.inputs
        self.value_of[operator.output] = self.value_of[source]
        if source in self.shifts:
            self.shifts[operator.output] = self.shifts[source]
        self.views.add(operator.name)

    def cut(self, operator: Slice) -> None:
        """Its output lies in its input, if it can."""
        (source,), first = operator.inputs, stretch_bytes(self.graph, operator)
        if first is not None:
            self.value_of[operator.output] = self.value_of[source]
            self.shifts[operator.output] = self.shifts.get(source, 0) + first
            self.views.add(operator.name)

    def join(self, operator: Concat) -> None:
        """Its inputs become parts of its output, if they can."""
        values = [self.value_of[name] for name in operator.inputs]
        is_cut = not self.shifts.keys().isdisjoint(operator.inputs)
        if len({*values}) < len(values) or not self.inside.keys().isdisjoint(values) or is_cut:
            return
        if is_contiguous(self.graph, operator):
            starts = _displacements(self.graph, values)
        elif self.uses.interleaves(operator) and all(map(self._takes_pitch, operator.inputs)):
            starts = [*accumulate((self.graph.tensors[name].shape[-1] for name in values), initial=0)]
            self.interleaved.add(operator.output)
        else:
            return
        self.inside |= {value: (operator.output, at) for value, at in zip(values, starts, strict=False)}
        self.pieces[operator.output] = tuple(leaf for value in values for leaf in self.pieces.get(value, (value,)))
        self.views.add(operator.name)

    def _takes_pitch(self, tensor: str) -> bool:
        """Whether all that makes up `tensor` is written at a pitch."""
        if tensor in self.pieces:
            return tensor in self.interleaved
        return self.uses.takes_pitch(self.uses.writers[tensor])

    def replaced(self, replacing: Collection[str]) -> dict[str, str]:
        """For each output that takes the place of an input, that input; neither has to do with Concats or views."""
        found: dict[str, str] = {}
        for operator in self.graph.operators:
            if (
                operator.name in replacing
                and self.uses.replaces(operator)
                and {operator.inputs[0], operator.output}.isdisjoint(self._joined)
            ):
                found[operator.output] = operator.inputs[0]
        return found

    @cached_property
    def _joined(self) -> set[str]:
        """Tensors that are inside others, contain others, or are other names of some."""
        aliases = {name for name, value in self.value_of.items() if name != value}
        return {*self.inside, *self.pieces, *aliases}

    def part(self, value: str) -> Part:
        """Where a value inside others lies in the outermost of them, and at whose pitch."""
        shape = self.graph.tensors[value].shape
        buffer, displacement, pitch = value, 0, 0
        while buffer in self.inside:
            buffer, further = self.inside[buffer]
            displacement += further
            pitch = self.graph.tensors[buffer].shape[-1] if buffer in self.interleaved else pitch
        return Part(buffer, displacement, self.graph.tensors[value].size_bytes, shape[-1] if pitch else 0, pitch)


def _firsts(replaced: Mapping[str, str]) -> dict[str, str]:
    """For each value that another takes the place of, or that takes one: the first of all in that place."""
    firsts: dict[str, str] = {}
    for value, before in replaced.items():
        firsts.setdefault(before, before)
        firsts[value] = firsts[before]
    return firsts


def _displacements(graph: Graph, tensors: Sequence[str]) -> list[int]:
    """Where each tensor starts, side by side, and where the last one ends."""
    return [*accumulate((graph.tensors[name].size_bytes for name in tensors), initial=0)]
