"""Offsets for buffers with fixed lives: the smallest height, and its proof.

Quick heuristics first; if none reaches the lower bound, exact searches with growing budgets that restart
with jittered rankings: at the bound, and some way from the best height down to it. Each ends with a
placement (a new height), a proof that there is none (a new bound), or its budget, which says nothing.
A search that succeeds does so almost without backtracking, so many short ones find more than a few long ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from sparse_mcu.costmodel.memory.model.plan import Buffer, Overlap
from sparse_mcu.costmodel.memory.placement import search_core as packing
from sparse_mcu.costmodel.memory.placement.exact import Searcher
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, priorities, ranked
from sparse_mcu.costmodel.memory.placement.instance import Instance, instances_of
from sparse_mcu.costmodel.memory.placement.orientations import Orienter

DEFAULT_NODES = 200_000
"""Placements that the exact search tries before it gives up the proof."""

MOST_EXACT = 3000
"""Groups of more buffers are placed by heuristics only: the search's workspace grows with the square."""

PATIENCE = 64
"""Failures at a quarter of the way down to the bound before half as far is tried."""

PROMISING = 3
"""Priorities, the first ones, that restarts jitter; all of them where buffers may overlap."""

JITTER = 0.2
"""By how much a restart shakes its ranking, relative to the priorities."""


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
) -> Placement:
    """Place buffers as low as possible.

    Args:
        buffers: With fixed lives.
        overlaps: Pairs of them that may share bytes; each dying buffer at most once.
        target_bytes: A height that is low enough: nothing below is looked for.
        node_budget: Placements to try at most, over all independent groups.
    """
    offsets = dict.fromkeys((buffer.name for buffer in buffers), 0)
    height = bound = nodes = 0
    for instance in sorted(instances_of(buffers, overlaps), key=lambda each: -max(each.loads) * each.unit):
        packer = _Packer(instance, max(target_bytes, bound) // instance.unit)
        packer.run(node_budget - nodes)
        nodes += packer.nodes
        height = max(height, packer.height * instance.unit)
        bound = max(bound, packer.bound * instance.unit)
        offsets.update(zip(instance.names, (low * instance.unit for low in packer.offsets), strict=True))
    return Placement(offsets, height, bound, nodes)


def luby(index: int) -> int:
    """1, 1, 2, 1, 1, 2, 4, ...: budgets of restarts within a logarithm of the best (Luby et al., IPL 47, 1993)."""
    while True:
        power = 1 << (index.bit_length() - 1)
        if index == 2 * power - 1:
            return power
        index -= power - 1


class _Packer:
    """One instance, in units: `offsets` reach `height`, and nothing below `bound` is possible."""

    def __init__(self, instance: Instance, target: int) -> None:
        self.instance, self.target = instance, target
        self.bound = max(instance.loads)
        self.height = packing.NOWHERE
        self.offsets: list[int] = []
        self.priorities = priorities(instance)
        self.nodes = 0
        self.searcher = Searcher(instance, 2 * len(self.priorities))

    def run(self, node_budget: int) -> None:
        """Close the gap between height and bound, or as much of it as the budget allows."""
        for priority in self.priorities:
            if not self._is_done():
                self._note(first_fit(self.instance, ranked(self.instance, priority)))
        if any(self.instance.shared):
            self._orient(node_budget)
        if len(self.instance.size) <= MOST_EXACT:
            self._search(node_budget)

    def _orient(self, node_budget: int) -> None:
        """Try the lowest height, then one below the best, then the middle of what is left; for half of the budget."""
        orienter = Orienter(self.instance)
        for attempt in count():
            lowest = max(self.bound, self.target)
            goal = (lowest, self.height - 1, (lowest + self.height) // 2)[min(attempt, 2)]
            if self._is_done():
                return
            verdict, offsets = orienter.run(max(goal, lowest), node_budget // 2 - self.nodes)
            self.nodes = orienter.nodes
            if verdict == packing.FOUND:
                self._note(offsets)
            elif verdict == packing.INFEASIBLE:
                self.bound = max(goal, lowest) + 1
            else:
                return

    def _search(self, node_budget: int) -> None:
        jitter, misses = Random(0), 0  # noqa: S311 - no secret
        ways = len(self.priorities) if any(self.instance.shared) else PROMISING
        for attempt in count():
            if self._is_done() or self.nodes >= node_budget:
                return
            round_, way = divmod(attempt, len(self.priorities))
            if round_ and way >= ways:
                continue
            amplitude = JITTER if round_ else 0.0
            order = ranked(self.instance, [p * (1 + amplitude * (jitter.random() - 0.5)) for p in self.priorities[way]])
            lowest = max(self.bound, self.target)
            eased = 1 <= round_ % 4 <= (1 if self.target > self.bound else 3)
            step = max(1, (self.height - lowest) >> 2 + misses // PATIENCE)
            goal, memory = (self.height - step, len(self.priorities) + way) if eased else (lowest, way)
            share = 4 if not round_ else 2 if eased else 2 * luby(round_ // 4 + 1)
            before = self.searcher.nodes
            verdict, offsets = self.searcher.run(memory, order, goal, min(share * len(order), node_budget - self.nodes))
            self.nodes += self.searcher.nodes - before
            if verdict == packing.FOUND:
                self._note(offsets)
                misses = 0
            elif verdict == packing.INFEASIBLE:
                self.bound = max(self.bound, goal + 1)
            elif eased:
                misses += 1

    def _is_done(self) -> bool:
        return self.height <= max(self.bound, self.target)

    def _note(self, offsets: list[int]) -> None:
        height = max(low + size for low, size in zip(offsets, self.instance.size, strict=True))
        if height < self.height:
            self.offsets, self.height = offsets, height
