"""Finds the order of steps with the smallest peak of live bytes, and proves it.

A state is the set of executed steps. How many bytes are live depends only on that set, and not on the order in which
the steps ran. The search expands the state whose peak so far is lowest, until the first complete state is the cheapest
one (best-first minimax).

Safe moves shorten it (`states.py`). If it takes long, beams look for a good order first (`beam.py`), each wider than
the one before. Then the proof goes on, as far as the budget allows.

Example: x (10 bytes) is read by A, which writes a (60), and by B, which writes b (20). C reads a and writes c (5). D
reads b and c and writes y (1). A alone needs 70, so no peak is below 70. If B runs first, A needs 10 + 20 + 60 = 90. If
A runs first, its peak is 70. Then C needs 70 + 5 = 75, B would need 90: the cheaper state is {A, C} with a peak of 75
and 15 live bytes. From there the chain B, D is safe: it needs at most 15 + 20 = 35, and leaves 1. So the order A, C, B,
D is complete with a peak of 75 bytes, and every open state has a higher one: 75 is proven.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf

from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem, Step
from sparse_mcu.costmodel.memory.order.beam import beam
from sparse_mcu.costmodel.memory.order.dag import Dag, floor_of, segments_of
from sparse_mcu.costmodel.memory.order.states import Moves, State
from sparse_mcu.costmodel.memory.problem.lifetimes import lifetimes, loads, overlaps_of

LONGEST_EXACT = 5000
"""Segments of more steps keep the problem's order: their masks alone would fill the memory."""

DIVES = 8
"""How many open states are completed greedily when the budget ends."""

FIRST_NODES = 2000
"""Nodes of the proof before the beams: most problems are done by then."""

FIRST_READY = 40_000
"""Ready steps of these nodes, summed up, after which the beams begin at once: such a node takes more time."""

WIDTHS = (8, 32, 128)
"""States of each size that the beams keep, one beam after the other. Three quarters of the nodes are left to the
proof: no beam begins that might take more."""

_STATE_BYTES = 400
"""What a state takes besides its ready steps and its sets, in CPython 3.11."""


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


def best_order(problem: MemoryProblem, *, node_budget: int, meter: Meter | None = None) -> Order:
    """Find the order with the smallest peak of live bytes.

    Args:
        problem: A checked problem.
        node_budget: Sets of executed steps to expand at most. If it ends, the best known order is returned with the
            bound that the search has reached.
        meter: Ends the search early, too, and says how many states may be kept.
    """
    floor = floor_of(problem)
    peak = peak_of(problem, problem.steps)
    if peak == floor:
        return Order(problem.steps, peak, floor, 0)
    meter = meter or Meter()
    nodes, bound, steps = 0, floor, list[Step]()
    for dag in segments_of(problem):
        found = _Search(dag, bound, meter).run(node_budget - nodes)
        nodes += found.nodes
        bound = max(bound, found.lower_bound_bytes)
        steps += found.steps
    return Order(tuple(steps), peak_of(problem, steps), bound, nodes)


def peak_of(problem: MemoryProblem, order: Sequence[Step]) -> int:
    """Return the most bytes that are live during any step of `order`."""
    buffers = lifetimes(problem, order)
    return max(loads(buffers, len(order), overlaps_of(problem, order, buffers)))


_Entry = tuple[int, int, int, State]
"""An open state behind what it is ranked by: its peak, then the most executed steps, then its number."""


class _Search:
    """Searches one segment, best first; peaks below `bound` count as `bound`."""

    def __init__(self, dag: Dag, bound: int, meter: Meter) -> None:
        self.dag, self.bound, self.meter = dag, bound, meter
        self.moves = Moves(dag, bound)
        self.best: dict[int, int] = {}
        self.heap: list[_Entry] = []
        self.ticket = count()
        self.nodes = 0
        self.most_states = meter.states(_STATE_BYTES + len(dag.steps) // 2)

    def run(self, node_budget: int) -> Order:
        """Search until the first complete state is the cheapest open one, or the budget ends."""
        moves = self.moves
        self.incumbent = moves.in_sequence(range(len(self.dag.steps)))
        if self.incumbent.peak <= self.bound or len(self.dag.steps) > LONGEST_EXACT:
            return self._order(self.bound)
        start = moves.settled(moves.start())
        self._accept(moves.dive(start))
        self._push(start)
        if not self._expand(min(FIRST_NODES, node_budget), FIRST_READY):
            self._look_ahead(node_budget)
            self._expand(node_budget)
        for *_, state in heapq.nsmallest(DIVES, self.heap, key=lambda entry: entry[1]):
            self._accept(moves.dive(state))
        return self._order(min(self.heap[0][0], self.incumbent.peak) if self.heap else self.incumbent.peak)

    def _expand(self, node_budget: int, ready_budget: float = inf) -> bool:
        """Expand states up to so many nodes in all; return whether no open state is better than the incumbent."""
        while self.heap and self.heap[0][0] < self.incumbent.peak:
            if (
                self.nodes >= node_budget
                or ready_budget <= 0
                or len(self.best) > self.most_states
                or self.meter.is_spent()
            ):
                return False
            state = heapq.heappop(self.heap)[-1]
            self.nodes += 1
            ready_budget -= len(state.ready)
            for child in self._children(state, self.incumbent.peak):
                if child.executed == self.moves.complete:
                    self.incumbent = child
                else:
                    self._push(child)
        return True

    def _look_ahead(self, node_budget: int) -> None:
        """Improve the incumbent by beams for up to a quarter of the nodes."""
        for width in WIDTHS:
            if width * len(self.dag.steps) > (node_budget - self.nodes) // 4:
                return
            found, nodes = beam(self.moves, self.incumbent, width, self.meter)
            self._accept(found)
            self.nodes += nodes

    def _push(self, state: State) -> None:
        heapq.heappush(self.heap, (state.peak, -state.executed.bit_count(), next(self.ticket), state))

    def _accept(self, complete: State) -> None:
        self.incumbent = min(self.incumbent, complete, key=lambda state: state.peak)

    def _children(self, state: State, ceiling: int) -> Iterator[State]:
        """Yield the states after one move and its safe moves, if they are cheaper than `ceiling` and than before."""
        for child in self.moves.affordable(state, ceiling):
            if self._improves(child, ceiling):
                settled = self.moves.settled(child)
                if settled is child or self._improves(settled, ceiling):
                    yield settled

    def _improves(self, state: State, ceiling: int) -> bool:
        """Whether this is the cheapest known way to its executed set; if so, note it."""
        if state.peak >= self.best.get(state.executed, ceiling):
            return False
        self.best[state.executed] = state.peak
        return True

    def _order(self, bound: int) -> Order:
        return Order(self.moves.steps_of(self.incumbent), self.incumbent.peak, bound, self.nodes)
