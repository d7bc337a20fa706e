"""The order problem as bit masks: which sets of executed steps can follow which, and what they keep live.

A step that every other step must precede or follow has a fixed place in all orders. Such steps cut the
problem into segments that are ordered independently, so chains need no search and masks stay short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate

from costmodel.memory.plan import MemoryProblem, Step


@dataclass(frozen=True, slots=True)
class Dag:
    """A segment of a planning problem by step index; sets of steps are bits of an integer. Sizes in bytes.

    Attributes:
        steps: The segment's steps, in the problem's order.
        predecessors: For each step, the set of steps that must run before it.
        successors: For each step, the steps that read what it writes.
        claimed: For each step, bytes that are live while it runs and were not before: outputs and scratch.
        change: For each step, bytes of its outputs that are needed later, less inputs that only it reads.
        shared: For each step, (size, readers) of every other buffer whose life it may end.
        held: Bytes live before the segment and needed in it or later.
        unread: Bytes of inputs that nobody needs; they are live during the problem's first step.
    """

    steps: tuple[Step, ...]
    predecessors: tuple[int, ...]
    successors: tuple[tuple[int, ...], ...]
    claimed: tuple[int, ...]
    change: tuple[int, ...]
    shared: tuple[tuple[tuple[int, int], ...], ...]
    held: int
    unread: int

    def growth(self, step: int, executed: int) -> int:
        """Live bytes after less before `step`, whose execution makes the executed steps `executed`."""
        growth = self.change[step]
        for size, readers in self.shared[step]:
            if not readers & ~executed:
                growth -= size
        return growth


def segments_of(problem: MemoryProblem) -> list[Dag]:
    """Cut a checked problem at its fixed steps; the concatenated segments are its steps."""
    builder = _Builder(problem)
    ends = builder.cuts()
    return [builder.segment(first, last) for first, last in zip([0, *ends], ends, strict=False)]


class _Builder:
    """Who writes and reads each buffer, and the position of the last step that needs it."""

    def __init__(self, problem: MemoryProblem) -> None:
        self.problem = problem
        self.writer = {name: at for at, step in enumerate(problem.steps) for name in step.outputs}
        self.readers: dict[str, list[int]] = {name: [] for name in problem.sizes_bytes}
        for at, step in enumerate(problem.steps):
            for name in dict.fromkeys(step.inputs):
                self.readers[name].append(at)
        self.last = {name: readers[-1] if readers else -1 for name, readers in self.readers.items()}
        self.last |= dict.fromkeys(problem.outputs, len(problem.steps))

    @cached_property
    def held(self) -> list[int]:
        """Bytes live before each step that it or a later one needs."""
        change = [0] * (len(self.problem.steps) + 2)
        for name, size in self.problem.sizes_bytes.items():
            change[self.writer.get(name, -1) + 1] += size
            change[max(self.last[name], self.writer.get(name, -1)) + 1] -= size
        return list(accumulate(change))

    def cuts(self) -> list[int]:
        """Positions just behind each fixed step, and the end.

        A step is fixed if following successors from any earlier step leads to it, and likewise backwards.
        """
        count = len(self.problem.steps)
        nearest, latest = [count] * count, [-1] * count
        for index, step in enumerate(self.problem.steps):
            for name in step.inputs:
                if name in self.writer:
                    latest[index] = max(latest[index], self.writer[name])
                    nearest[self.writer[name]] = min(nearest[self.writer[name]], index)
        reach = [0, *accumulate(nearest, max)]
        back = [*accumulate(reversed(latest), min, initial=count)][::-1]
        fixed = [at for at in range(count) if reach[at] <= at <= back[at + 1]]
        return [*dict.fromkeys([*(at + 1 for at in fixed), count])]

    def segment(self, first: int, last: int) -> Dag:
        """The steps [first, last) as a problem of its own."""
        steps = self.problem.steps[first:last]
        sizes = self.problem.sizes_bytes
        predecessors = [0] * len(steps)
        successors: list[tuple[int, ...]] = []
        for index, step in enumerate(steps):
            after = {at - first for name in step.outputs for at in self.readers[name] if at < last}
            for other in after:
                predecessors[other] |= 1 << index
            successors.append(tuple(sorted(after)))
        ending = [
            [(sizes[name], self._mask(name, first)) for name in dict.fromkeys(step.inputs) if self.last[name] < last]
            for step in steps
        ]
        kept = [sum(sizes[name] for name in step.outputs if self.last[name] >= 0) for step in steps]
        return Dag(
            steps=steps,
            predecessors=tuple(predecessors),
            successors=tuple(successors),
            claimed=tuple(sum(sizes[name] for name in step.outputs) + step.scratch_bytes for step in steps),
            change=tuple(
                kept[index] - sum(size for size, readers in reads if readers == 1 << index)
                for index, reads in enumerate(ending)
            ),
            shared=tuple(
                tuple((size, readers) for size, readers in reads if readers != 1 << index)
                for index, reads in enumerate(ending)
            ),
            held=self.held[first],
            unread=sum(sizes[name] for name in self.problem.inputs if self.last[name] < 0) if first == 0 else 0,
        )

    def _mask(self, name: str, first: int) -> int:
        return sum(1 << at - first for at in self.readers[name] if at >= first)


def floor_of(problem: MemoryProblem) -> int:
    """Bytes below which no order can stay: any step needs its own buffers, the ends need the graph's."""
    sizes = problem.sizes_bytes

    def total(names: Sequence[str]) -> int:
        return sum(sizes[name] for name in dict.fromkeys(names))

    alone = (total((*step.inputs, *step.outputs)) + step.scratch_bytes for step in problem.steps)
    return max(total(problem.inputs), total(problem.outputs), 0, *alone)


def in_topological_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps so that writers come before readers, otherwise as given; members of a cycle come last, as given."""
    writer = {name: index for index, step in enumerate(steps) for name in step.outputs}
    waiting = [len({writer[name] for name in step.inputs if name in writer}) for step in steps]
    readers: list[list[int]] = [[] for _ in steps]
    for index, step in enumerate(steps):
        for before in {writer[name] for name in step.inputs if name in writer}:
            readers[before].append(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    placed: list[int] = []
    while ready:
        placed.append(heappop(ready))
        for index in readers[placed[-1]]:
            waiting[index] -= 1
            if waiting[index] == 0:
                heappush(ready, index)
    return tuple(steps[index] for index in dict.fromkeys([*placed, *range(len(steps))]))
