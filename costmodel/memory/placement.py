"""Offsets for buffers with fixed lives: the smallest height, and its proof.

Quick heuristics first; if none reaches the lower bound, exact searches at that height under several
rankings with growing budgets. A proof that a height is impossible raises the bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from costmodel.memory import packing
from costmodel.memory.greedy import first_fit, orderings
from costmodel.memory.instance import Instance, instances_of
from costmodel.memory.plan import Buffer

DEFAULT_NODES = 200_000
"""Placements that the exact search tries before it gives up the proof."""

_INTERPRETED_WORK = 100_000
"""Expected steps (placements x live buffers over all sections) above which a search is worth compiling."""


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


def place(buffers: Sequence[Buffer], *, target_bytes: int = 0, node_budget: int = DEFAULT_NODES) -> Placement:
    """Place buffers as low as possible.

    Args:
        buffers: With fixed lives.
        target_bytes: A height that is low enough: nothing below is looked for.
        node_budget: Placements to try at most, over all independent groups.
    """
    offsets = dict.fromkeys((buffer.name for buffer in buffers), 0)
    height = bound = nodes = 0
    instances = instances_of(buffers)
    for instance in sorted(instances, key=lambda each: -max(each.loads) * each.unit):
        packer = _Packer(instance, -(-max(target_bytes, bound) // instance.unit))
        packer.run(node_budget - nodes)
        nodes += packer.nodes
        height = max(height, packer.height * instance.unit)
        bound = max(bound, packer.bound * instance.unit)
        offsets.update(zip(instance.names, (low * instance.unit for low in packer.offsets), strict=True))
    return Placement(offsets, height, bound, nodes)


@dataclass(slots=True)
class _Packer:
    """One instance: `offsets` of `height` units are known, fewer than `bound` are impossible."""

    instance: Instance
    target: int
    offsets: list[int] = field(default_factory=list)
    height: int = packing.NOWHERE
    bound: int = 0
    nodes: int = 0

    def run(self, node_budget: int) -> None:
        """Close the gap between height and bound, or as much of it as the budget allows."""
        self.bound = max(self.instance.loads)
        ranks = []
        for order in orderings(self.instance):
            if self._done():
                return
            offsets, height = first_fit(self.instance, order)
            if height < self.height:
                self.offsets, self.height = offsets, height
            ranks.append(order)
        share = 2 * len(self.instance.size)
        while self.nodes < node_budget:
            for order in ranks:
                if self._done() or self.nodes >= node_budget:
                    return
                self._try(order, max(self.bound, self.target), min(share, node_budget - self.nodes))
            share *= 4

    def _done(self) -> bool:
        return self.height <= max(self.bound, self.target)

    def _try(self, order: list[int], capacity: int, budget: int) -> None:
        verdict, offsets = self._search(order, capacity, budget)
        if verdict == packing.FOUND:
            self.offsets, self.height = offsets, capacity
        elif verdict == packing.INFEASIBLE:
            self.bound = max(self.bound, capacity + 1)

    def _search(self, order: list[int], capacity: int, budget: int) -> tuple[int, list[int]]:
        instance, count = self.instance, len(self.instance.size)
        rank = [0] * count
        for position, buffer in enumerate(order):
            rank[buffer] = position
        first = [0]
        for members in instance.members:
            first.append(first[-1] + len(members))
        member = [buffer for members in instance.members for buffer in members]
        problem = packing.Problem(instance.size, instance.start, instance.end, first, member, rank)
        sections = len(instance.loads)
        state = packing.State(
            low=[0] * count,
            is_open=[1] * count,
            floor=[0] * sections,
            rest=[*instance.loads],
            chosen=[0] * count,
            saved=[0] * count**2,
            spent=[0],
        )
        if budget * len(member) <= _INTERPRETED_WORK:
            verdict = packing.search(problem, state, capacity, budget)
        else:
            problem = packing.Problem(*(np.array(values, dtype=np.int64) for values in problem))
            state = packing.State(*(np.array(values, dtype=np.int64) for values in state))
            from costmodel.memory import compiled  # noqa: PLC0415 - numba takes half a second that small plans never pay

            verdict = compiled.search(problem, state, capacity, budget)
        self.nodes += int(state.spent[0])
        return verdict, [int(offset) for offset in state.low]
