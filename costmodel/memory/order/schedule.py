"""Finds the order of steps with the smallest peak of live bytes, and proves it.

A state is the set of executed steps. How many bytes are live depends only on that set, and not on the order in which
the steps ran. The search expands the state whose peak so far is lowest, until the first complete state is the cheapest
one (best-first minimax).

Safe moves shorten it. If a step (or a chain of steps) fits under the peak that is already accepted, and leaves no more
bytes live than before, it runs at once. Running it earlier never raises a later peak, because live bytes are a
submodular function of the executed set. Overlap keeps that true: it lowers only what a step needs while it runs, and
it lowers it the more, the more steps have run before.

Example: x (10 bytes) is read by A, which writes a (60), and by B, which writes b (20). C reads a and writes c (5). D
reads b and c and writes y (1). A alone needs 70, so no peak is below 70. If B runs first, A needs 10 + 20 + 60 = 90. If
A runs first, its peak is 70. Then C needs 70 + 5 = 75, B would need 90: the cheaper state is {A, C} with a peak of 75
and 15 live bytes. From there the chain B, D is safe: it needs at most 15 + 20 = 35, and leaves 1. So the order A, C, B,
D is complete with a peak of 75 bytes, and every open state has a higher one: 75 is proven.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.order.dag import Dag, floor_of, segments_of
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, loads, overlaps_of

LONGEST_EXACT = 5000
"""Segments of more steps keep the problem's order: their masks alone would fill the memory."""

DIVES = 8
"""How many open states are completed greedily when the budget ends."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order, its peak of live bytes, and how far it is proven.

    Attributes:
        steps: The problem's steps in execution order.
        peak_bytes: The most bytes live during any step.
        lower_bound_bytes: No order has a smaller peak.
        nodes: Search nodes that were spent.
    """

    steps: tuple[Step, ...]
    peak_bytes: int
    lower_bound_bytes: int
    nodes: int


def best_order(problem: MemoryProblem, *, node_budget: int) -> Order:
    """Find the order with the smallest peak of live bytes.

    Args:
        problem: A checked problem.
        node_budget: Sets of executed steps to expand at most. If it ends, the best known order is returned with the
            bound that the search has reached.
    """
    floor = floor_of(problem)
    peak = peak_of(problem, problem.steps)
    if peak == floor:
        return Order(problem.steps, peak, floor, 0)
    nodes, bound, steps = 0, floor, list[Step]()
    for dag in segments_of(problem):
        found = _Search(dag, bound).run(node_budget - nodes)
        nodes += found.nodes
        bound = max(bound, found.lower_bound_bytes)
        steps += found.steps
    return Order(tuple(steps), peak_of(problem, steps), bound, nodes)


def peak_of(problem: MemoryProblem, order: Sequence[Step]) -> int:
    """Return the most bytes that are live during any step of `order`."""
    buffers = lifetimes(problem, order)
    return max(loads(buffers, len(order), overlaps_of(problem, order, buffers)))


@dataclass(frozen=True, slots=True)
class _State:
    """A set of executed steps, how it was reached, and what it costs."""

    executed: int
    live: int
    peak: int
    ready: tuple[int, ...]
    moves: tuple[int, ...]
    parent: "_State | None"


@dataclass(slots=True)
class _Search:
    """Searches one segment, best first; peaks below `bound` count as `bound`."""

    dag: Dag
    bound: int
    best: dict[int, int] = field(default_factory=dict)
    hope: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Find, for each step, the least change of live bytes that a chain from it can bring."""
        self.hope = [
            change - sum(size for size, _ in shared)
            for change, shared in zip(self.dag.change, self.dag.shared, strict=True)
        ]
        for step in reversed(range(len(self.hope))):
            self.hope[step] += min([0, *(self.hope[other] for other in self.dag.successors[step])])

    def run(self, node_budget: int) -> Order:
        """Search until the first complete state is the cheapest open one, or the budget ends."""
        dag, complete, ticket = self.dag, (1 << len(self.dag.steps)) - 1, count()
        incumbent = self._in_sequence(range(len(dag.steps)))
        if incumbent.peak <= self.bound or len(dag.steps) > LONGEST_EXACT:
            return self._order(incumbent, self.bound, 0)
        start = self._settled(self._start())
        incumbent = min(incumbent, self._dive(start), key=lambda state: state.peak)
        heap = [(start.peak, 0, next(ticket), start)]
        nodes = 0
        while heap and heap[0][0] < incumbent.peak and nodes < node_budget:
            state = heapq.heappop(heap)[-1]
            nodes += 1
            for child in self._children(state, incumbent.peak):
                if child.executed == complete:
                    incumbent = child
                    continue
                heapq.heappush(heap, (child.peak, -child.executed.bit_count(), next(ticket), child))
        for *_, state in heapq.nsmallest(DIVES, heap, key=lambda entry: entry[1]):
            incumbent = min(incumbent, self._dive(state), key=lambda state: state.peak)
        bound = min(heap[0][0], incumbent.peak) if heap else incumbent.peak
        return self._order(incumbent, bound, nodes)

    def _start(self) -> _State:
        ready = tuple(step for step, before in enumerate(self.dag.predecessors) if not before)
        return _State(0, self.dag.held, self.bound, ready, (), None)

    def _children(self, state: _State, ceiling: int) -> Iterator[_State]:
        """Yield the states after one move and its safe moves, if they are cheaper than `ceiling` and than before."""
        for step in state.ready:
            if self._need(state, step) >= ceiling:
                continue
            child = self._after(state, step)
            if self._improves(child, ceiling):
                settled = self._settled(child)
                if settled is child or self._improves(settled, ceiling):
                    yield settled

    def _improves(self, state: _State, ceiling: int) -> bool:
        """Whether this is the cheapest known way to its executed set; if so, note it."""
        if state.peak >= self.best.get(state.executed, ceiling):
            return False
        self.best[state.executed] = state.peak
        return True

    def _need(self, state: _State, step: int) -> int:
        """Return the bytes live while `step` runs."""
        return state.live + self.dag.claim(step, state.executed) + (0 if state.executed else self.dag.unread)

    def _after(self, state: _State, step: int) -> _State:
        dag, executed = self.dag, state.executed | 1 << step
        woken = tuple(other for other in dag.successors[step] if not dag.predecessors[other] & ~executed)
        return _State(
            executed=executed,
            live=state.live + dag.growth(step, executed),
            peak=max(state.peak, self._need(state, step)),
            ready=woken + tuple(other for other in state.ready if other != step),
            moves=(step,),
            parent=state,
        )

    def _settled(self, state: _State) -> _State:
        """Return `state` after all its safe moves."""
        if self.dag.unread and not state.executed:
            return state
        chain = self._safe_chain(state)
        while chain:
            for step in chain:
                state = self._after(state, step)
            chain = self._safe_chain(state)
        return state

    def _safe_chain(self, state: _State) -> list[int]:
        """Find a chain of steps that fits under the peak and leaves no more bytes live than before."""
        headroom = state.peak - state.live
        for step in state.ready:
            if self.hope[step] <= 0:
                chain = self._descent(state.executed, step, headroom)
                if chain:
                    return chain
        return []

    def _descent(self, executed: int, step: int, headroom: int) -> list[int]:
        dag, chain, rise = self.dag, list[int](), 0
        while rise + dag.claim(step, executed) <= headroom:
            executed |= 1 << step
            rise += dag.growth(step, executed)
            chain.append(step)
            if rise <= 0:
                return chain
            woken = (other for other in dag.successors[step] if not dag.predecessors[other] & ~executed)
            step = next(woken, -1)
            if step < 0:
                break
        return []

    def _dive(self, state: _State) -> _State:
        """Complete `state` greedily: the step that needs least above the peak, then the one that leaves least."""
        while state.ready:
            executed = state.executed
            step = min(
                state.ready,
                key=lambda step: (
                    max(self._need(state, step), state.peak),
                    self.dag.growth(step, executed | 1 << step),
                    step,
                ),
            )
            state = self._settled(self._after(state, step))
        return state

    def _in_sequence(self, sequence: Sequence[int]) -> _State:
        state = self._start()
        for step in sequence:
            state = self._after(state, step)
        return state

    def _order(self, state: _State, bound: int, nodes: int) -> Order:
        moves: list[int] = []
        at: _State | None = state
        while at is not None:
            moves.extend(reversed(at.moves))
            at = at.parent
        steps = tuple(self.dag.steps[step] for step in reversed(moves))
        return Order(steps, state.peak, bound, nodes)
