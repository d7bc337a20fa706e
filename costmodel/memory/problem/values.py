"""Finds the value that holds each tensor, once views are merged.

Four things merge tensors:

- A Reshape is another name of its input.
- A viewed Concat's inputs are written directly into its output. Joined rows lie side by side. Joined channels lie pixel
  by pixel: each input is written at the pitch of the output's pixels, and its other readers read it at that pitch.
- A viewed Slice is read inside its input, if it is one stretch of it, or the same channels of a stretch of its pixels.
- An output that replaces its input is a value of its own in the input's buffer.

Example: a Concat joins a (2x2 pixels, 3 channels) and b (2x2 pixels, 5 channels) along channels to y, 32 bytes. As a
view, a is a part of y with displacement 0 and b one with displacement 3. Both have a pitch of 8: a's pixels are the
bytes 0-2, 8-10, 16-18 and 24-26 of y.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import Concat, Operator, Reshape, Slice
from sparse_mcu.costmodel.memory.model.plan import KernelContract, Part

Contracts = Mapping[str, KernelContract]

ALIGNMENT_BYTES = 4
"""Every value starts at a multiple of this: the word-wise kernels load and store 32 bits at once."""


def aligned(size_bytes: int) -> int:
    """`size_bytes` rounded up to the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True, slots=True)
class Values:
    """The tensors of a graph as values, after its views are merged.

    Attributes:
        value_of: For each tensor, the value that holds it.
        pieces: For the output of each viewed Concat, the values that steps write instead, in order.
        parts: Where the values lie that steps write into the output of a viewed Concat.
        views: Names of the operators that nobody executes.
        replaced: As in `MemoryProblem`.
        shifts: As in `MemoryProblem`; only outputs of viewed Slices, and Reshapes of them, have one.
        pitches: For tensors with other values between their pixels: bytes from one pixel to the next.
    """

    value_of: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Part]
    views: frozenset[str]
    replaced: Mapping[str, str]
    shifts: Mapping[str, int]
    pitches: Mapping[str, int]

    def written(self, tensor: str) -> tuple[str, ...]:
        """Return the values that steps write to make `tensor`; the first one lies at its start."""
        value = self.value_of[tensor]
        return self.pieces.get(value, (value,))

    def place(self, tensor: str) -> tuple[str, int]:
        """Return the buffer that holds `tensor`, and the bytes from the buffer's start to it."""
        value, shift = self.written(tensor)[0], self.shifts.get(tensor, 0)
        part = self.parts.get(value)
        return (part.buffer, part.displacement_bytes + shift) if part else (value, shift)


def values_of(graph: Graph, contracts: Contracts, viewed: Collection[str], replacing: Collection[str] = ()) -> Values:
    """Merge the Reshapes of `graph`, and those of the named Concats and Slices that can be views.

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
    pitches = {name: pitch for name in graph.tensors if (pitch := layout.pitch(name))} if layout.has_pitches else {}
    shifts = {name: layout.shift(name) for name in layout.shifts}
    return Values(layout.value_of, layout.pieces, parts, frozenset(layout.views), replaced, shifts, pitches)


def able_to_be_views(graph: Graph, contracts: Contracts) -> tuple[str, ...]:
    """Return the names of the Concats and Slices that can be views, if each is the only one."""
    uses = _Uses(graph, contracts)
    return tuple(
        each.name
        for each in graph.operators
        if (isinstance(each, Concat) and (is_contiguous(graph, each) or uses.interleaves(each, each.inputs)))
        or (isinstance(each, Slice) and uses.cuts(each))
    )


def is_contiguous(graph: Graph, operator: Concat) -> bool:
    """Whether each input is one stretch of the output, at an aligned address."""
    outer = graph.output_of(operator).shape[: operator.axis]
    starts = _displacements(graph, operator.inputs)
    return all(size == 1 for size in outer) and all(at == aligned(at) for at in starts[:-1])


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the output of a Slice lies in its input.

    Attributes:
        first: The byte at which it begins.
        is_narrow: Whether its readers must be able to read at a pitch: its pixels lie as far apart as the input's, or
            it begins at an address that is not aligned. Otherwise it is one stretch at an aligned address.
    """

    first: int
    is_narrow: bool


def cut_of(graph: Graph, operator: Slice) -> Cut | None:
    """Find where the output of a Slice lies in its input.

    Returns:
        None if it is neither one stretch of the input nor the same channels of one stretch of its pixels.
    """
    shape, result = graph.inputs_of(operator)[0].shape, graph.output_of(operator).shape
    first = sum(start * prod(shape[axis + 1 :]) for axis, start in enumerate(operator.starts))
    if _is_stretch(shape, result, operator.steps):
        return Cut(first, is_narrow=first != aligned(first))
    if _is_stretch(shape[:-1], result[:-1], operator.steps) and (operator.steps[-1] == 1 or result[-1] == 1):
        return Cut(first, is_narrow=True)
    return None


def _is_stretch(shape: Sequence[int], result: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether the elements that a Slice of `shape` keeps lie side by side."""
    axis = next((axis for axis, extent in enumerate(result) if extent > 1), len(result))
    return axis == len(result) or (steps[axis] == 1 and shape[axis + 1 :] == result[axis + 1 :])


class _Uses:
    """Who writes and reads each tensor, and what their kernels can do."""

    def __init__(self, graph: Graph, contracts: Contracts) -> None:
        self.graph, self.contracts = graph, contracts

    @cached_property
    def writers(self) -> dict[str, Operator]:
        """For each tensor, the operator that writes it."""
        return {operator.output: operator for operator in self.graph.operators}

    @cached_property
    def count(self) -> Counter[str]:
        """For each tensor, how often operators and the graph's outputs use it."""
        return Counter([name for operator in self.graph.operators for name in operator.inputs] + [*self.graph.outputs])

    @cached_property
    def readers(self) -> dict[str, list[Operator]]:
        """For each tensor, the operators that read it."""
        found: dict[str, list[Operator]] = {}
        for operator in self.graph.operators:
            for name in operator.inputs:
                found.setdefault(name, []).append(operator)
        return found

    def interleaves(self, operator: Concat, joined: Iterable[str], views: Collection[str] = ()) -> bool:
        """Whether a Concat joins channels, and all writers and other readers of the tensors can use a pitch."""
        last = len(self.graph.output_of(operator).shape) - 1
        return operator.axis == last and all(self._is_loose(name, operator, views) for name in joined)

    def _is_loose(self, tensor: str, join: Concat, views: Collection[str]) -> bool:
        writer = self.writers.get(tensor)
        if writer is None or isinstance(writer, Reshape) or not self.is_readable(tensor, join, views):
            return False
        return isinstance(writer, Concat) or self.takes_pitch(writer)

    def cuts(self, operator: Slice) -> bool:
        """Whether a Slice can be a view: its output is one aligned stretch, or all its readers can read at a pitch."""
        cut = cut_of(self.graph, operator)
        return cut is not None and (not cut.is_narrow or self.is_readable(operator.output))

    def is_readable(self, tensor: str, but: Concat | None = None, views: Collection[str] = ()) -> bool:
        """Whether all readers of a tensor, and of the views of it, can read at a pitch.

        Args:
            tensor: What is read.
            but: A Concat that does not count as a reader.
            views: Names of the operators that are views.
        """
        open_ = [tensor]
        while open_:
            name = open_.pop()
            readers = [each for each in self.readers.get(name, ()) if each is not but]
            viewed = [each for each in readers if each.name in views]
            if name in self.graph.outputs or not all(isinstance(each, Slice) for each in viewed):
                return False
            if not all(self.reads_pitch(each) for each in readers if each.name not in views):
                return False
            open_ += [each.output for each in viewed]
        return True

    def reads_pitch(self, operator: Operator) -> bool:
        """Whether its kernel can read at a pitch."""
        contract = None if isinstance(operator, Reshape) else self.contracts.get(operator.name)
        return contract is not None and contract.at_pitches is not None

    def takes_pitch(self, operator: Operator) -> bool:
        """Whether its kernel can write at a pitch."""
        return operator.name in self.contracts and self.contracts[operator.name].takes_pitch

    def replaces(self, operator: Operator) -> bool:
        """Whether its output may replace its only input: that has no other use, and is as large."""
        source, output = self.graph.tensors[operator.inputs[0]], self.graph.output_of(operator)
        is_able = operator.name in self.contracts and self.contracts[operator.name].in_place
        return is_able and self.count[source.name] == 1 and output.size_bytes == source.size_bytes


class _Layout:
    """Values and their places, while one view after the other is added.

    Attributes:
        value_of: As in `Values`.
        pieces: As in `Values`.
        inside: For each value inside the output of a viewed Concat: that output, and how far from its start.
        interleaved: Outputs of the viewed Concats whose inputs are written at a pitch.
        views: As in `Values`.
        shifts: As in `Values`, but counted as if the value's own pixels lay side by side.
        narrow: For outputs of viewed Slices with other bytes between their pixels: the pixels' distance, counted as in
            `shifts`.
    """

    def __init__(self, graph: Graph, contracts: Contracts) -> None:
        self.graph, self.uses = graph, _Uses(graph, contracts)
        self.value_of = {name: name for name in graph.tensors}
        self.pieces: dict[str, tuple[str, ...]] = {}
        self.inside: dict[str, tuple[str, int]] = {}
        self.interleaved: set[str] = set()
        self.views: set[str] = set()
        self.shifts: dict[str, int] = {}
        self.narrow: dict[str, int] = {}

    def alias(self, operator: Reshape) -> None:
        """Make the output of a Reshape another name of its input."""
        (source,) = operator.inputs
        self.value_of[operator.output] = self.value_of[source]
        if source in self.shifts:
            self.shifts[operator.output] = self.shifts[source]
        self.views.add(operator.name)

    def cut(self, operator: Slice) -> None:
        """Make a Slice a view, if it can be one."""
        (source,), cut = operator.inputs, cut_of(self.graph, operator)
        if cut is None or ((cut.is_narrow or self.pitch(source)) and not self.uses.is_readable(operator.output)):
            return
        channels = self.graph.tensors[source].shape[-1]
        apart = self.narrow.get(source, channels)
        pixel, channel = divmod(cut.first, channels)
        self.value_of[operator.output] = self.value_of[source]
        self.shifts[operator.output] = self.shifts.get(source, 0) + pixel * apart + channel
        if cut.is_narrow or source in self.narrow:
            self.narrow[operator.output] = apart
        self.views.add(operator.name)

    @property
    def has_pitches(self) -> bool:
        """Whether some value lies pixel by pixel in a wider one."""
        return bool(self.interleaved or self.narrow)

    def pitch(self, tensor: str) -> int:
        """Return the bytes from one pixel to the next; 0: pixels lie side by side."""
        return self._outer_pitch(self.value_of[tensor]) or self.narrow.get(tensor, 0)

    def shift(self, tensor: str) -> int:
        """Return the bytes from the start of a viewed Slice's value to the Slice, at the value's own pitch."""
        value, shift = self.value_of[tensor], self.shifts[tensor]
        pixel, channel = divmod(shift, self.graph.tensors[value].shape[-1])
        pitch = self._outer_pitch(value)
        return pixel * pitch + channel if pitch else shift

    def _outer_pitch(self, value: str) -> int:
        """Return the pitch at which steps write a value; 0: side by side."""
        pitch = 0
        while value in self.inside:
            value, _ = self.inside[value]
            pitch = self.graph.tensors[value].shape[-1] if value in self.interleaved else pitch
        return pitch

    def join(self, operator: Concat) -> None:
        """Make a Concat a view, if it can be one: its inputs become parts of its output."""
        joined = self._rejoined(operator)
        values = [self.value_of[name] for name in joined]
        is_cut = not self.shifts.keys().isdisjoint(joined)
        if len({*values}) < len(values) or not self.inside.keys().isdisjoint(values) or is_cut:
            return
        if is_contiguous(self.graph, operator):
            starts = _displacements(self.graph, values)
        elif self.uses.interleaves(operator, joined, self.views) and all(map(self._takes_pitch, joined)):
            starts = [*accumulate((self.graph.tensors[name].shape[-1] for name in values), initial=0)]
            self.interleaved.add(operator.output)
        else:
            return
        self.inside |= {value: (operator.output, at) for value, at in zip(values, starts, strict=False)}
        self.pieces[operator.output] = tuple(leaf for value in values for leaf in self.pieces.get(value, (value,)))
        self.views.add(operator.name)

    def _rejoined(self, operator: Concat) -> list[str]:
        """Return its inputs; viewed Slices that together make up a tensor again are replaced by that tensor."""
        joined: list[str] = []
        inputs = [*operator.inputs]
        while inputs:
            whole, count = self._cut_up(inputs, operator.axis)
            joined.append(whole)
            inputs = inputs[count:]
        return joined

    def _cut_up(self, names: Sequence[str], axis: int) -> tuple[str, int]:
        """Find a tensor that the first of `names` make up, as viewed Slices in their order.

        Returns:
            The tensor and the number of its Slices; the first name and 1 if there is no such tensor.
        """
        source, reached = "", 0
        for count, name in enumerate(names, 1):
            cut = self.uses.writers.get(name)
            if not isinstance(cut, Slice) or cut.name not in self.views or cut.inputs[0] != (source or cut.inputs[0]):
                break
            (source,), shape = cut.inputs, self.graph.tensors[name].shape
            whole = self.graph.tensors[source].shape
            # A viewed Slice has no gaps along any axis, so only its start counts.
            is_next = cut.starts[axis] == reached
            if not is_next or (*shape[:axis], *shape[axis + 1 :]) != (*whole[:axis], *whole[axis + 1 :]):
                break
            reached += shape[axis]
            if reached == whole[axis]:
                return source, count
        return names[0], 1

    def _takes_pitch(self, tensor: str) -> bool:
        """Whether every value that makes up `tensor` can be written at a pitch."""
        if tensor in self.pieces:
            return tensor in self.interleaved
        return self.uses.takes_pitch(self.uses.writers[tensor])

    def replaced(self, replacing: Collection[str]) -> dict[str, str]:
        """Map each output that replaces its input to that input; tensors of Concats and views are left out."""
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
        """Tensors that lie inside others, contain others, or are other names of others."""
        aliases = {name for name, value in self.value_of.items() if name != value}
        return {*self.inside, *self.pieces, *aliases}

    def part(self, value: str) -> Part:
        """Return where a value lies in the outermost value around it, and at which pitch."""
        shape, pitch = self.graph.tensors[value].shape, self._outer_pitch(value)
        buffer, displacement = value, 0
        while buffer in self.inside:
            buffer, further = self.inside[buffer]
            displacement += further
        return Part(buffer, displacement, self.graph.tensors[value].size_bytes, shape[-1] if pitch else 0, pitch)


def _firsts(replaced: Mapping[str, str]) -> dict[str, str]:
    """Map each value that replaces another or is replaced to the first value in that place."""
    firsts: dict[str, str] = {}
    for value, before in replaced.items():
        firsts.setdefault(before, before)
        firsts[value] = firsts[before]
    return firsts


def _displacements(graph: Graph, tensors: Sequence[str]) -> list[int]:
    """Return where each tensor starts if all lie side by side, and where the last one ends."""
    return [*accumulate((graph.tensors[name].size_bytes for name in tensors), initial=0)]
