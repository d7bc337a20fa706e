"""Which value holds each tensor: views share one, and a Concat's inputs may lie in its output from the start.

They lie there side by side, or, where channels are joined, pixel by pixel: each input is then written at the pitch of
the output's pixels, and whoever else reads it does so at that pitch, by kernels that can. And what a kernel writes
exactly over its input is a value of its own in the input's buffer. A Slice is read where its input lies if it is one
stretch of it, or some channels of a stretch of pixels, whose readers then read at the pitch of the input's pixels.
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
    """What is left of a graph's tensors without its views.

    Attributes:
        value_of: For each tensor, the value that holds it.
        pieces: For the output of each viewed Concat, the values that steps write instead, in order.
        parts: Where the values lie that steps write into the output of a viewed Concat.
        views: Names of the operators that nobody executes.
        replaced: As in `MemoryProblem`.
        shifts: As in `MemoryProblem`: for what is, or is called by another name than, the output of a viewed Slice.
        pitches: Of tensors between whose pixels other values lie: bytes from one pixel to the next.
    """

    value_of: Mapping[str, str]
    pieces: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, Part]
    views: frozenset[str]
    replaced: Mapping[str, str]
    shifts: Mapping[str, int]
    pitches: Mapping[str, int]

    def written(self, tensor: str) -> tuple[str, ...]:
        """The values that steps write to make `tensor`; it starts where the first of them does."""
        value = self.value_of[tensor]
        return self.pieces.get(value, (value,))

    def place(self, tensor: str) -> tuple[str, int]:
        """The buffer that holds `tensor`, and how far from the buffer's start."""
        value, shift = self.written(tensor)[0], self.shifts.get(tensor, 0)
        part = self.parts.get(value)
        return (part.buffer, part.displacement_bytes + shift) if part else (value, shift)


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
    pitches = {name: pitch for name in graph.tensors if (pitch := layout.pitch(name))} if layout.has_pitches else {}
    shifts = {name: layout.shift(name) for name in layout.shifts}
    return Values(layout.value_of, layout.pieces, parts, frozenset(layout.views), replaced, shifts, pitches)


def able_to_be_views(graph: Graph, contracts: Contracts) -> tuple[str, ...]:
    """Names of the Concats and Slices that can be views, each taken alone; arguments as of `values_of`."""
    uses = _Uses(graph, contracts)
    return tuple(
        each.name
        for each in graph.operators
        if (isinstance(each, Concat) and (is_contiguous(graph, each) or uses.interleaves(each, each.inputs)))
        or (isinstance(each, Slice) and uses.cuts(each))
    )


def is_contiguous(graph: Graph, operator: Concat) -> bool:
    """Whether the inputs are stretches of the output that start at aligned addresses."""
    outer = graph.output_of(operator).shape[: operator.axis]
    starts = _displacements(graph, operator.inputs)
    return all(size == 1 for size in outer) and all(at == aligned(at) for at in starts[:-1])


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the output of a Slice lies in its input.

    Attributes:
        first: The byte at which it begins.
        is_narrow: Whether its pixels keep the distance of the input's, or it begins at any address; else it is one
            stretch that begins at an aligned one.
    """

    first: int
    is_narrow: bool


def cut_of(graph: Graph, operator: Slice) -> Cut | None:
    """Where the output lies, if it is one stretch of the input, or the same channels of one stretch of its pixels."""
    shape, result = graph.inputs_of(operator)[0].shape, graph.output_of(operator).shape
    first = sum(start * prod(shape[axis + 1 :]) for axis, start in enumerate(operator.starts))
    if _is_stretch(shape, result, operator.steps):
        return Cut(first, is_narrow=first != aligned(first))
    if _is_stretch(shape[:-1], result[:-1], operator.steps) and (operator.steps[-1] == 1 or result[-1] == 1):
        return Cut(first, is_narrow=True)
    return None


def _is_stretch(shape: Sequence[int], result: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether what a Slice of `shape` leaves lies side by side."""
    axis = next((axis for axis, extent in enumerate(result) if extent > 1), len(result))
    return axis == len(result) or (steps[axis] == 1 and shape[axis + 1 :] == result[axis + 1 :])


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

    @cached_property
    def readers(self) -> dict[str, list[Operator]]:
        """By tensor."""
        found: dict[str, list[Operator]] = {}
        for operator in self.graph.operators:
            for name in operator.inputs:
                found.setdefault(name, []).append(operator)
        return found

    def interleaves(self, operator: Concat, joined: Iterable[str], views: Collection[str] = ()) -> bool:
        """Whether channels are joined of tensors whose writers, and whose other readers, can keep to a pitch."""
        last = len(self.graph.output_of(operator).shape) - 1
        return operator.axis == last and all(self._is_loose(name, operator, views) for name in joined)

    def _is_loose(self, tensor: str, join: Concat, views: Collection[str]) -> bool:
        writer = self.writers.get(tensor)
        if writer is None or isinstance(writer, Reshape) or not self.is_readable(tensor, join, views):
            return False
        return isinstance(writer, Concat) or self.takes_pitch(writer)

    def cuts(self, operator: Slice) -> bool:
        """Whether its output is a stretch of its input, or can be read at the pitch of its input's pixels."""
        cut = cut_of(self.graph, operator)
        return cut is not None and (not cut.is_narrow or self.is_readable(operator.output))

    def is_readable(self, tensor: str, but: Concat | None = None, views: Collection[str] = ()) -> bool:
        """Whether all who read it, or what is a view of it, can do so at a pitch.

        Args:
            tensor: What is read.
            but: A Concat that need not read it.
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
        shifts: As in `Values`, but as if the value's own pixels lay side by side.
        narrow: For outputs of viewed Slices with something between their pixels: how far these are apart, likewise.
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
        """Its output is its input."""
        (source,) = operator.inputs
        self.value_of[operator.output] = self.value_of[source]
        if source in self.shifts:
            self.shifts[operator.output] = self.shifts[source]
        self.views.add(operator.name)

    def cut(self, operator: Slice) -> None:
        """Its output lies in its input, if it can."""
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
        """Whether something lies pixel by pixel in something wider."""
        return bool(self.interleaved or self.narrow)

    def pitch(self, tensor: str) -> int:
        """Bytes from one pixel to the next; 0: they lie side by side."""
        return self._outer_pitch(self.value_of[tensor]) or self.narrow.get(tensor, 0)

    def shift(self, tensor: str) -> int:
        """How far a viewed Slice begins behind its value, which may lie pixel by pixel in something wider."""
        value, shift = self.value_of[tensor], self.shifts[tensor]
        pixel, channel = divmod(shift, self.graph.tensors[value].shape[-1])
        pitch = self._outer_pitch(value)
        return pixel * pitch + channel if pitch else shift

    def _outer_pitch(self, value: str) -> int:
        """The pitch at which steps write a value."""
        pitch = 0
        while value in self.inside:
            value, _ = self.inside[value]
            pitch = self.graph.tensors[value].shape[-1] if value in self.interleaved else pitch
        return pitch

    def join(self, operator: Concat) -> None:
        """Its inputs become parts of its output, if they can."""
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
        """Its inputs; for viewed Slices that follow one another and make up a tensor, that tensor."""
        joined: list[str] = []
        inputs = [*operator.inputs]
        while inputs:
            whole, count = self._cut_up(inputs, operator.axis)
            joined.append(whole)
            inputs = inputs[count:]
        return joined

    def _cut_up(self, names: Sequence[str], axis: int) -> tuple[str, int]:
        """The tensor of which the first of `names` are all, as viewed Slices, and how many; or the first name."""
        source, reached = "", 0
        for count, name in enumerate(names, 1):
            cut = self.uses.writers.get(name)
            if not isinstance(cut, Slice) or cut.name not in self.views or cut.inputs[0] != (source or cut.inputs[0]):
                break
            (source,), shape = cut.inputs, self.graph.tensors[name].shape
            whole = self.graph.tensors[source].shape
            is_next = cut.starts[axis] == reached and (cut.steps[axis] == 1 or shape[axis] == 1)
            if not is_next or (*shape[:axis], *shape[axis + 1 :]) != (*whole[:axis], *whole[axis + 1 :]):
                break
            reached += shape[axis]
            if reached == whole[axis]:
                return source, count
        return names[0], 1

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
        shape, pitch = self.graph.tensors[value].shape, self._outer_pitch(value)
        buffer, displacement = value, 0
        while buffer in self.inside:
            buffer, further = self.inside[buffer]
            displacement += further
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
