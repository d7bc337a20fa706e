"""What memory each interval of a graph's steps needs, executed step by step or as a stream."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.operators import AveragePool2d, Conv2d, Dense, MaxPool2d, Operator
from sparse_mcu.costmodel.memory.model.access import safe_distance_bytes
from sparse_mcu.costmodel.memory.model.levers import Levers
from sparse_mcu.costmodel.memory.model.plan import KernelContract, MemoryProblem
from sparse_mcu.costmodel.memory.model.stream import Stream
from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes
from sparse_mcu.costmodel.memory.problem.values import aligned
from sparse_mcu.costmodel.memory.streaming.build import Builder, StageContracts, Streams
from sparse_mcu.costmodel.memory.streaming.stretch import reach_of

_LONGEST = 64
"""Operators in a stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One way to execute the steps [start, end) of the graph's order.

    Attributes:
        start: The first step.
        end: One past the last.
        stream: What executes them; None: one step, as it is.
        need_bytes: Bytes live at that step, in the graph's order.
        anyway_bytes: Bytes live at that step in the order that suits it best, or fewer.
        least_bytes: A bound on `anyway_bytes` that holds however a stream's working memory is packed.
        working_bytes: A bound on a stream's working memory.
        extra_macs: Multiplications beyond what the operators need.
    """

    start: int
    end: int
    stream: Stream | None
    need_bytes: int
    anyway_bytes: int
    least_bytes: int
    working_bytes: int = 0
    extra_macs: int = 0

    @property
    def cost(self) -> tuple[int, int]:
        """What the option costs: first extra multiplications, then operators that are streamed."""
        return self.extra_macs, self.end - self.start if self.stream else 0


def contract_of(graph: Graph, stream: Stream) -> KernelContract:
    """Return the contract of a stream as one step: its working memory and its safe distances."""
    distances = {
        name: safe_distance_bytes(access, graph.tensor(name).size_bytes)
        for name, access in zip(stream.inputs, stream.access, strict=True)
    }
    return KernelContract(stream.scratch_bytes, distances)


def macs_of(graph: Graph, operator: Operator) -> int:
    """Count the multiplications of a convolution or a dense layer; other operators count 0."""
    if isinstance(operator, Dense):
        return operator.weights.size
    if not isinstance(operator, Conv2d):
        return 0
    _, height, width, _ = graph.output_of(operator).shape
    return height * width * operator.weights.size


@dataclass(frozen=True, slots=True)
class _Live:
    """Bytes live before an interval, its inputs included, and the values that die in it."""

    size_bytes: int
    dying: set[str]


class Needs:
    """Knows what each interval of a problem's steps needs, in the graph's order; builds every stream once.

    Args:
        graph: The graph.
        problem: Its problem, without parts.
        levers: What may be done.
        stage_contracts: What kernels need for a call.
        views: Names of the steps that could be views instead.
        streams: The graph's streams that were built before.
    """

    def __init__(
        self,
        graph: Graph,
        problem: MemoryProblem,
        levers: Levers,
        stage_contracts: StageContracts,
        views: Collection[str] = (),
        streams: Streams | None = None,
    ) -> None:
        self._streams = streams or Streams(graph)
        self.graph, self.problem, self.levers, self.stage_contracts = graph, problem, levers, stage_contracts
        self._views = {*views}
        named = [step for step in problem.steps if step.name in self._views]
        self._viewed = {name for step in named for name in (*step.inputs, *step.outputs)}
        by_name = {operator.name: operator for operator in graph.operators}
        self.operators = [by_name[step.name] for step in problem.steps]
        self._born, self._last = self._lives()
        self._before, self._after, self._readers = self._closures()
        self._anyway: dict[tuple[int, int], _Live] = {}
        self._live = [self._live_before(index) for index in range(len(self.operators))]
        self._kept = [0, *accumulate(map(self._least_kept, self.operators))]
        self._macs = [0, *accumulate(macs_of(graph, operator) for operator in self.operators)]
        self._built: dict[tuple[int, int, int, int], Option | None] = {}

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.operators)

    @property
    def has_views(self) -> bool:
        """Whether some steps could be views instead."""
        return bool(self._views)

    @property
    def ends_bytes(self) -> int:
        """Return what every plan needs, whatever is streamed: all inputs at once, and all outputs.

        Of outputs, only the largest counts if some steps could be views. As views, several may be the same bytes.
        """
        first, last = (self._sizes({*names}).values() for names in (self.problem.inputs, self.problem.outputs))
        return max(sum(first), max(last, default=0) if self._views else sum(last))

    @property
    def most_extra_macs(self) -> int:
        """How many multiplications streams may add to those of the graph."""
        return int((self.levers.max_recompute - 1) * self._macs[-1])

    def step(self, index: int) -> Option:
        """Return a single step as an option."""
        step = self.problem.steps[index]
        written = sum(self.problem.sizes_bytes[name] for name in step.outputs)
        need, least = (
            self._need(live, written, step.scratch_bytes, step.safe_distance_bytes)
            for live in (self._live_here(index, index + 1), self._live_anyway(index, index + 1))
        )
        if self._views:
            least = self.alone(index, index + 1)
        return Option(index, index + 1, None, need, least, least)

    def starts(self, end: int) -> Iterator[int]:
        """Yield the steps at which streams that end before step `end` may begin, the nearest first."""
        last = self.operators[end - 1]
        if self._never_streams(last):
            return
        for start in range(end - 2, max(end - _LONGEST, 0) - 1, -1):
            operator = self.operators[start]
            if self._never_streams(operator):
                return
            if self._last[self._value(operator)] >= end:
                return  # somebody outside reads what only its stream would have
            yield start

    def least(self, start: int, end: int, working_bytes: int = 0) -> int:
        """Return a bound on what a stream of the interval needs, in any order and however it is built.

        Args:
            start: First step.
            end: One past the last.
            working_bytes: What its working memory is known to need.
        """
        if self._views:
            return self.alone(start, end, working_bytes)
        kept = max(working_bytes, self._kept[end - 1] - self._kept[start])
        live = self._live_anyway(start, end)
        through = live.size_bytes - sum(self._sizes(live.dying).values())
        exit_bytes = self.problem.sizes_bytes[self._value(self.operators[end - 1])]
        return max(live.size_bytes, through + exit_bytes) + kept

    def alone(self, start: int, end: int, working_bytes: int = 0) -> int:
        """Return a bound on what an interval's own values need, with nothing else alive.

        Args:
            start: First step.
            end: One past the last; an interval of several steps is a stream.
            working_bytes: What its working memory is known to need.
        """
        steps = self.problem.steps[start:end]
        if self._views.intersection(step.name for step in steps):
            return working_bytes
        written, read = self._sizes({*steps[-1].outputs}), self._sizes(self._read(start, end))
        if end - start > 1 or self._views:
            shared = [size for name, size in read.items() if name in self._viewed]
            apart = sum(size for name, size in read.items() if name not in self._viewed)
            kept = max(working_bytes, self._kept[end - 1] - self._kept[start])
            return max(apart + max(shared, default=0), sum(written.values())) + kept
        pairs = [(distance, read[name]) for name, distance in steps[0].safe_distance_bytes.items()]
        saved = shared_bytes(sum(written.values()), pairs) if pairs else 0
        return sum(read.values()) + sum(written.values()) + steps[0].scratch_bytes - saved

    def stream(self, start: int, end: int, target_bytes: int, *, band_rows: int = 1, strips: int = 1) -> Option | None:
        """Return the stream of an interval; None if there is none, or if it surely needs more than `target_bytes`."""
        if self.least(start, end) > target_bytes:
            return None
        builder = self._streams.builder(self.operators[start:end], band_rows, strips)
        if builder is None or self.least(start, end, builder.least_bytes) > target_bytes:
            return None
        key = (start, end, band_rows, strips)
        if key not in self._built:
            self._built[key] = self._build(start, end, builder)
        return self._built[key]

    def strips(self, end: int) -> list[int]:
        """List into how many strips the interval's exit may be cut, ascending, without 1."""
        if self.levers.max_recompute <= 1:
            return []
        width = self.graph.output_of(self.operators[end - 1]).shape[2]
        return [-(-width // columns) for columns in range(width - 1, 0, -1) if _is_new(width, columns)]

    def _build(self, start: int, end: int, builder: Builder) -> Option | None:
        built = builder.build(self.stage_contracts)
        if built is None:
            return None
        stream = built.stream
        distances = {
            self.problem.buffer_of[name]: aligned(distance)
            for name, distance in contract_of(self.graph, stream).safe_distance_bytes.items()
        }
        written = self.problem.sizes_bytes[self.problem.buffer_of[stream.output]]
        distances = distances if self.levers.overlap else {}
        here, anyway = self._live_here(start, end), self._live_anyway(start, end)
        need = self._need(here, written, aligned(stream.scratch_bytes), distances)
        free = self._need(anyway, written, aligned(stream.scratch_bytes), distances)
        least = self._need(anyway, written, aligned(built.least_bytes), distances)
        if self._views:
            free = least = self.alone(start, end, aligned(built.least_bytes))
        extra_macs = stream.macs - (self._macs[end] - self._macs[start])
        return Option(start, end, stream, need, free, least, built.least_bytes, extra_macs)

    def _need(self, live: _Live, written: int, scratch: int, distances: Mapping[str, int]) -> int:
        pairs = [(distances[name], size) for name, size in self._sizes(live.dying).items() if name in distances]
        return live.size_bytes + written + scratch - (shared_bytes(written, pairs) if pairs else 0)

    def _read(self, start: int, end: int) -> set[str]:
        """Return the values that the interval reads and that were written before it."""
        steps = self.problem.steps[start:end]
        return {name for step in steps for name in step.inputs if self._born[name] < start}

    def _live_here(self, start: int, end: int) -> _Live:
        """Return what is live before the interval, in the graph's order."""
        dying = {name for name in self._read(start, end) if self._last[name] < end}
        return _Live(self._live[start], dying)

    def _live_anyway(self, start: int, end: int) -> _Live:
        """Return what is live before the interval in every order.

        That is what it reads, and what steps before it wrote and steps behind it read.
        """
        if (start, end) not in self._anyway:
            read, before, after = self._read(start, end), 0, 0
            for index in range(start, end):
                before |= self._before[index]
                after |= self._after[index]
            after &= ~(2**end - 2**start)
            later = {name for name in self._born if self._last[name] == len(self) or self._readers[name] & after}
            through = {name for name in later if self._born[name] < 0 or before >> self._born[name] & 1}
            through = {name for name in through if not start <= self._born[name] < end}
            size = sum(self._sizes(read | through).values())
            self._anyway[start, end] = _Live(size, read - later)
        return self._anyway[start, end]

    def _closures(self) -> tuple[list[int], list[int], dict[str, int]]:
        """Return each step's predecessors and successors and each value's readers, as bit masks of steps."""
        steps = self.problem.steps
        readers = dict.fromkeys(self._born, 0)
        before, after = [0] * len(steps), [0] * len(steps)
        for index, step in enumerate(steps):
            for name in step.inputs:
                readers[name] |= 1 << index
                if self._born[name] >= 0:
                    before[index] |= before[self._born[name]] | 1 << self._born[name]
        for index in range(len(steps) - 1, -1, -1):
            for other in range(index + 1, len(steps)):
                if before[other] >> index & 1:
                    after[index] |= 1 << other
        return before, after, readers

    def _sizes(self, names: set[str]) -> dict[str, int]:
        return {name: self.problem.sizes_bytes[name] for name in names}

    def _value(self, operator: Operator) -> str:
        return self.problem.buffer_of[operator.output]

    def _never_streams(self, operator: Operator) -> bool:
        return len(self.graph.output_of(operator).shape) != 4  # noqa: PLR2004 - NHWC

    def _lives(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return for each value the step that writes it and the last that reads it.

        An input is written by step -1; an output is read by the step past the end.
        """
        born = dict.fromkeys(self.problem.inputs, -1)
        last = dict.fromkeys(self.problem.inputs, 0)
        for index, step in enumerate(self.problem.steps):
            for name in step.outputs:
                born[name] = last[name] = index
            for name in step.inputs:
                last[name] = index
        last.update(dict.fromkeys(self.problem.outputs, len(self.problem.steps)))
        return born, last

    def _live_before(self, index: int) -> int:
        """Sum the bytes that exist before a step and are needed by it or later."""
        sizes = self.problem.sizes_bytes
        return sum(size for name, size in sizes.items() if self._born[name] < index and self._last[name] >= index)

    def _least_kept(self, writer: Operator) -> int:
        """Bound the bytes that a stream keeps from turn to turn of an inner operator's output."""
        _, height, width, channels = (1, 1, 1, *self.graph.output_of(writer).shape)[-4:]
        least = 0
        for reader in self.operators:
            if writer.output in reader.inputs and isinstance(reader, Conv2d | MaxPool2d | AveragePool2d):
                down, across = reach_of(reader, 0), reach_of(reader, 1)
                rows = max(0, min(down.extent, height) - down.stride) if down.extent < height else 0
                columns = min(across.extent, width) if self.levers.max_recompute > 1 else width
                least = max(least, rows * columns * channels)
        return least


def _is_new(width: int, columns: int) -> bool:
    """Whether narrower strips would be more strips."""
    return columns == 1 or -(-width // (columns - 1)) > -(-width // columns)
