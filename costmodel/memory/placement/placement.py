"""Finds offsets for buffers with fixed lives: the smallest height, and the proof that none is smaller.

Three methods follow one another until the height meets the lower bound or the budget ends:

1. Greedy placement in a few rankings (`greedy.py`).
2. Where buffers may overlap, search over which buffer of each pair is the lower one (`orientations.py`).
3. Exact search for a given height (`search_core.py`), restarted again and again (`attempts.py`).

Each exact search ends in one of three ways. It finds a placement, which is a new height. It proves that there is none,
which is a new bound. Or it runs out of nodes, which says nothing. A search that succeeds does so almost without
backtracking, so many short searches find more than a few long ones.

Example: a [0, 2) of 4 bytes, b [1, 3) of 8 bytes, c [2, 4) of 4 bytes. During [1, 2) a and b are live, 12 bytes; during
[2, 3) b and c are, 12 bytes: the bound is 12. Greedy puts b at 0, and a and c at 8, for they never meet. The height is
12 = the bound, so this is proven smallest without any search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement import search_core
from sparse_mcu.costmodel.memory.placement.attempts import Schedule
from sparse_mcu.costmodel.memory.placement.exact import Searcher
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of
from sparse_mcu.costmodel.memory.placement.orientations import Orienter
from sparse_mcu.costmodel.memory.placement.params import DEFAULT_PARAMS, PlacementParams
from sparse_mcu.costmodel.memory.placement.scan import complaining

DEFAULT_NODES = 200_000
"""Placements that the exact search tries before it gives up the proof."""

REPAIRS = 8
"""Rounds of repair, each with every ranking, for groups that are too large for the exact search."""

MOST_EXACT = 3000
"""Groups of more buffers are placed by heuristics only: the search's workspace grows with the square."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Offsets, their height, and how far it is proven.

    Attributes:
        offsets: Byte offset of each buffer.
        height_bytes: One past the highest byte used.
        lower_bound_bytes: No placement of these lives is lower.
        nodes: Placements tried by the exact search.
    """

    offsets: dict[str, int]
    height_bytes: int
    lower_bound_bytes: int
    nodes: int


def place(
    buffers: Sequence[Buffer],
    overlaps: Sequence[Overlap] = (),
    *,
    target_bytes: int = 0,
    node_budget: int = DEFAULT_NODES,
    params: PlacementParams = DEFAULT_PARAMS,
    meter: Meter | None = None,
) -> Placement:
    """Place buffers as low as possible.

    Args:
        buffers: With fixed lives.
        overlaps: Pairs of them that may share bytes; each dying buffer at most once.
        target_bytes: A height that is low enough: the search stops there.
        node_budget: Placements to try at most, over all groups of buffers that never meet.
        params: Which ideas the search uses.
        meter: Ends the search early, too.

    Returns:
        The lowest placement that was found, with its proof's state.
    """
    offsets = dict.fromkeys((buffer.name for buffer in buffers), 0)
    height = bound = nodes = 0
    for instance in sorted(instances_of(buffers, overlaps), key=lambda each: -max(each.loads) * each.unit):
        packer = _Packer(instance, max(target_bytes, bound) // instance.unit, params, meter or Meter())
        packer.run(node_budget - nodes)
        nodes += packer.nodes
        height = max(height, packer.height * instance.unit)
        bound = max(bound, packer.bound * instance.unit)
        offsets.update(zip(instance.names, (low * instance.unit for low in packer.offsets), strict=True))
    return Placement(offsets, height, bound, nodes)


class _Packer:
    """One instance, in units: `offsets` reach `height`, and nothing below `bound` is possible."""

    def __init__(self, instance: Instance, target: int, params: PlacementParams, meter: Meter) -> None:
        self.instance, self.target, self.params, self.meter = instance, target, params, meter
        self.bound = max(instance.loads)
        self.height = search_core.NOWHERE
        self.offsets: list[int] = []
        self.rankings = priorities(instance)[: None if params.all_rankings else 1]
        self.nodes = 0

    @property
    def lowest(self) -> int:
        """No height below it is possible, or none below it is wanted."""
        return max(self.bound, self.target)

    @property
    def is_target(self) -> bool:
        """Whether `lowest` is the target, and the bound is below it."""
        return self.target > self.bound

    def run(self, node_budget: int) -> None:
        """Close the gap between height and bound, or as much of it as the budget allows."""
        orders = [ranked(self.instance, ranking) for ranking in self.rankings]
        for number, order in enumerate(orders):
            if not self._is_done() and not (self.offsets and self.meter.is_over()):
                orders[number] = complaining(order, self._fit(order), self.lowest)
        if self.params.orientation and any(self.instance.shared):
            self._orient(node_budget)
        if len(self.instance.size) > MOST_EXACT:
            self._repair(orders)
        elif self.params.exact_search:
            self._search(node_budget)

    def _fit(self, order: Sequence[int]) -> list[int]:
        """Place the buffers by first fit, and return where each ends."""
        offsets = first_fit(self.instance, order)
        self._note(offsets)
        return [low + size for low, size in zip(offsets, self.instance.size, strict=True)]

    def _repair(self, orders: list[list[int]]) -> None:
        """Place the buffers again and again; those that came to lie too high go first in the next round."""
        for _ in range(REPAIRS):
            for number, order in enumerate(orders):
                if self._is_done() or self.meter.is_over():
                    return
                orders[number] = complaining(order, self._fit(order), self.lowest)

    def _orient(self, node_budget: int) -> None:
        """Try the lowest height, then one below the best, then the middle of what is left; for half of the budget."""
        if self._is_done():
            return
        orienter = Orienter(self.instance)
        for attempt in count():
            if self._is_done() or self.meter.is_over():
                return
            goals = self.lowest, self.height - 1, (self.lowest + self.height) // 2
            goal = goals[min(attempt, 2)]
            verdict, offsets = orienter.run(goal, node_budget // 2 - self.nodes)
            self.nodes = orienter.nodes
            if verdict == search_core.FOUND:
                self._note(offsets)
            elif verdict == search_core.INFEASIBLE:
                self.bound = goal + 1
            else:
                return

    def _search(self, node_budget: int) -> None:
        """Run the schedule's attempts until the gap is closed or the budget ends."""
        if self._is_done() or self.nodes >= node_budget or self.meter.is_over():
            return
        schedule = Schedule(self.instance, self.rankings, self.params)
        searcher = Searcher(self.instance, schedule.memories, self.params)
        used = self.nodes
        for attempt in schedule.attempts(self):
            nodes = min(attempt.nodes, node_budget - self.nodes)
            verdict, offsets = searcher.run(attempt.memory, attempt.order, attempt.goal, nodes)
            self.nodes = used + searcher.nodes
            if verdict == search_core.FOUND:
                self._note(offsets)
                schedule.failed_steps = 0
            elif verdict == search_core.INFEASIBLE:
                self.bound = max(self.bound, attempt.goal + 1)
            elif attempt.is_step:
                schedule.failed_steps += 1
            if self._is_done() or self.nodes >= node_budget or self.meter.is_over():
                return

    def _is_done(self) -> bool:
        return self.height <= self.lowest

    def _note(self, offsets: list[int]) -> None:
        height = max(low + size for low, size in zip(offsets, self.instance.size, strict=True))
        if height < self.height:
            self.offsets, self.height = offsets, height
