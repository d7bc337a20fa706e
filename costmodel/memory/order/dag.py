"""Turns a planning problem into bit masks for the search over orders.

A set of executed steps is an integer; bit i says whether step i has run. If a step must come after or before every
other step, its place is the same in all orders. Such steps cut the problem into segments, and each segment is ordered
by itself. So a chain needs no search, and masks stay short.

Example: steps 0 -> 1 and 0 -> 2, then 1 and 2 -> 3, 3 -> 4. Steps 0, 3 and 4 have fixed places. The segments are
[0], [1, 2, 3] and [4], and only the second one has a choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.problem.lifetimes import shared_bytes


@dataclass(frozen=True, slots=True)
class Dag:
    """A segment of a planning problem. Steps have numbers, sets of steps are integers, sizes are in bytes.

    Attributes:
        steps: The segment's steps, in the problem's order.
        predecessors: For each step, the set of steps that must run before it.
        successors: For each step, the steps that read what it writes.
        claimed: For each step, the bytes that become live while it runs: its outputs and scratch, less what it shares
            with inputs that only it reads.
        change: For each step, the bytes of its outputs that are needed later, less those of inputs that only it reads.
        shared: For each step, (size, users) of every buffer that has several users, of which this step may be the
            last.
        begun: For each step, (size, writers) of every buffer that has several writers, of which this step may be the
            first.
        dying: For each step, (safe distance, size, users) of the inputs that its output may overlap if the step is
            their last user. It is empty where that is the same in all orders; `claimed` counts the saving then.
        output: For each step, the bytes of the buffer that it writes and that `dying` is about.
        held: Bytes that are live before the segment and needed in it or later.
        unread: Bytes of the problem's inputs that nobody reads; they are live during the problem's first step.
    """

    steps: tuple[Step, ...]
    predecessors: tuple[int, ...]
    successors: tuple[tuple[int, ...], ...]
    claimed: tuple[int, ...]
    change: tuple[int, ...]
    shared: tuple[tuple[tuple[int, int], ...], ...]
    begun: tuple[tuple[tuple[int, int], ...], ...]
    dying: tuple[tuple[tuple[int, int, int], ...], ...]
    output: tuple[int, ...]
    held: int
    unread: int

    def claim(self, step: int, executed: int) -> int:
        """Return by how many bytes live memory grows while `step` runs, after the steps of `executed`."""
        claim = self.claimed[step]
        if self.begun[step]:
            claim += self._begun(step, executed)
        if self.dying[step] and not any(writers & executed for _, writers in self.begun[step]):
            left = ~executed & ~(1 << step)
            dying = [(distance, size) for distance, size, users in self.dying[step] if not users & left]
            claim -= shared_bytes(self.output[step], dying)
        return claim

    def growth(self, step: int, executed: int) -> int:
        """Return by how many bytes live memory has grown after `step`; `executed` includes the step."""
        growth = self.change[step]
        for size, users in self.shared[step]:
            if not users & ~executed:
                growth -= size
        return growth + self._begun(step, executed & ~(1 << step)) if self.begun[step] else growth

    def _begun(self, step: int, executed: int) -> int:
        """Sum the bytes of the buffers with several writers of which `step` is the first."""
        return sum(size for size, writers in self.begun[step] if not writers & executed)


def segments_of(problem: MemoryProblem) -> list[Dag]:
    """Cut a checked problem behind each step with a fixed place; joined, the segments are its steps."""
    builder = _Builder(problem)
    ends = builder.cuts()
    return [builder.segment(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def whole(problem: MemoryProblem) -> Dag:
    """Return a checked problem as one segment."""
    return _Builder(problem).segment(0, len(problem.steps))


class _Builder:
    """Who writes and reads each value, and at which positions each buffer is first written and last used."""

    def __init__(self, problem: MemoryProblem) -> None:
        self.problem = problem
        self.writer = {name: at for at, step in enumerate(problem.steps) for name in step.outputs}
        self.readers: dict[str, list[int]] = {}
        self.writers: dict[str, list[int]] = {name: [] for name in problem.sizes_bytes}
        self.users: dict[str, list[int]] = {name: [] for name in problem.sizes_bytes}
        for at, step in enumerate(problem.steps):
            for name in step.inputs:
                self.readers.setdefault(name, []).append(at)
            for name in problem.homes(step.outputs):
                self.writers[name].append(at)
            for name in problem.homes((*step.inputs, *step.outputs)):
                self.users[name].append(at)
        self.first = {name: at[0] if at else -1 for name, at in self.writers.items()}
        self.first |= dict.fromkeys(problem.homes(problem.inputs), -1)
        self.last = {name: users[-1] if users else -1 for name, users in self.users.items()}
        self.last |= dict.fromkeys(problem.homes(problem.outputs), len(problem.steps))

    @cached_property
    def held(self) -> list[int]:
        """Bytes that are live before each step and needed by it or a later one."""
        change = [0] * (len(self.problem.steps) + 2)
        for name, size in self.problem.sizes_bytes.items():
            change[self.first[name] + 1] += size
            change[self.last[name] + 1] -= size
        return list(accumulate(change))

    def cuts(self) -> list[int]:
        """Return the positions just behind each step with a fixed place, and the end.

        A step has a fixed place if no dependency lets an earlier step run after it, and no later step before it: the
        chains of successors of all earlier steps lead to it, and all chains of predecessors lead back to it.
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
        """Return the steps [first, last) as a problem of its own."""
        steps = self.problem.steps[first:last]
        predecessors = [0] * len(steps)
        successors: list[tuple[int, ...]] = []
        for index, step in enumerate(steps):
            after = {at - first for name in step.outputs for at in self.readers.get(name, ()) if at < last}
            for other in after:
                predecessors[other] |= 1 << index
            successors.append(tuple(sorted(after)))
        buffers = [_StepBuffers.of(self, position, first, last) for position in range(first, last)]
        unread = [name for name in self.problem.homes(self.problem.inputs) if self.last[name] < 0]
        return Dag(
            steps=steps,
            predecessors=tuple(predecessors),
            successors=tuple(successors),
            claimed=tuple(each.claimed for each in buffers),
            change=tuple(each.change for each in buffers),
            shared=tuple(each.shared for each in buffers),
            begun=tuple(each.begun for each in buffers),
            dying=tuple(each.dying for each in buffers),
            output=tuple(each.output for each in buffers),
            held=self.held[first],
            unread=sum(self.problem.sizes_bytes[name] for name in unread) if first == 0 else 0,
        )


@dataclass(frozen=True, slots=True)
class _StepBuffers:
    """What a step of a segment does to the live bytes: the attributes of `Dag`, for one step."""

    claimed: int
    change: int
    shared: tuple[tuple[int, int], ...]
    begun: tuple[tuple[int, int], ...]
    dying: tuple[tuple[int, int, int], ...]
    output: int

    @classmethod
    def of(cls, builder: _Builder, position: int, first: int, last: int) -> "_StepBuffers":
        """Sort the buffers that a step uses by what it does to them.

        Args:
            builder: Of the whole problem.
            position: The step's.
            first: The segment's first position.
            last: One past its last.
        """
        problem, sizes = builder.problem, builder.problem.sizes_bytes
        step, own = problem.steps[position], 1 << position - first
        reads, writes = problem.homes(step.inputs), problem.homes(step.outputs)
        new = [name for name in writes if builder.first[name] >= first]
        alone = tuple(name for name in new if len(builder.writers[name]) == 1)
        ending = {
            name: _mask(builder.users[name], first)
            for name in dict.fromkeys((*reads, *writes))
            if builder.last[name] < last and name not in alone
        }
        output = sizes[writes[0]] if writes else 0
        dying = tuple(
            (distance, sizes[name], ending[name])
            for name, distance in step.safe_distance_bytes.items()
            if name in ending and writes[0] in new
        )
        saves_in_any_order = writes[:1] == alone and all(users == own for *_, users in dying)
        saved = shared_bytes(output, [entry[:2] for entry in dying]) if saves_in_any_order else 0
        kept = sum(sizes[name] for name in alone if builder.last[name] > position)
        return cls(
            claimed=sum(sizes[name] for name in alone) + step.scratch_bytes - saved,
            change=kept - sum(sizes[name] for name, users in ending.items() if users == own),
            shared=tuple((sizes[name], users) for name, users in ending.items() if users != own),
            begun=tuple((sizes[name], _mask(builder.writers[name], first)) for name in new if name not in alone),
            dying=() if saves_in_any_order else dying,
            output=output,
        )


def _mask(positions: Iterable[int], first: int) -> int:
    """Positions from `first` on, as bits of an integer."""
    return sum(1 << at - first for at in positions if at >= first)


def floor_of(problem: MemoryProblem) -> int:
    """Return a bound below every order: each step needs its own buffers, the ends need the graph's inputs and outputs.

    Example: a step that reads 30 bytes, writes 20 and has 4 bytes of scratch needs 54. If its output may start 5 bytes
    below the input that dies, 15 of its bytes can be shared, and it needs 39.
    """
    sizes = problem.sizes_bytes

    def total(values: Sequence[str]) -> int:
        return sum(sizes[name] for name in problem.homes(values))

    def alone(step: Step) -> int:
        dying = [(distance, sizes[name]) for name, distance in step.safe_distance_bytes.items()]
        saved = shared_bytes(total(step.outputs), dying) if dying else 0
        return total((*step.inputs, *step.outputs)) + step.scratch_bytes - saved

    return max(total(problem.inputs), total(problem.outputs), 0, *map(alone, problem.steps))


def in_topological_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Sort steps so that writers come before readers, otherwise as given; members of a cycle come last, as given."""
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
