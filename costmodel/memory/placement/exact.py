"""Runs the exact search on an instance: interpreted where it is short, in machine code where it may be long."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from sparse_mcu.costmodel.memory.placement import search_core
from sparse_mcu.costmodel.memory.placement.instance import Instance
from sparse_mcu.costmodel.memory.placement.params import DEFAULT_PARAMS, PlacementParams

INTERPRETED_STEPS = 300_000
"""Inner steps (placements x buffers over all sections) below which machine code is not worth its load time."""


class Searcher:
    """Exact searches on one instance.

    Searches with the same memory learn from each other: each starts with half of the weights that the last one gave to
    sections that were too full.

    Attributes:
        nodes: Placements tried so far, in all searches.
    """

    def __init__(self, instance: Instance, memories: int, params: PlacementParams = DEFAULT_PARAMS) -> None:
        """Prepare the searches.

        Args:
            instance: What is to be placed.
            memories: How many separate memories of failures there are.
            params: Which ideas the search uses.
        """
        self.instance, self.params = instance, params
        self.nodes = 0
        self._first = [0, *accumulate(len(members) for members in instance.members)]
        self._member = [buffer for members in instance.members for buffer in members]
        self._guest, self._sibling = [-1] * len(instance.size), [-1] * len(instance.size)
        for buffer, heir in enumerate(instance.heir):
            if heir >= 0:
                self._sibling[buffer], self._guest[heir] = self._guest[heir], buffer
        self._weights = [[1] * len(instance.loads) for _ in range(memories)]

    def run(self, memory: int, order: Sequence[int], capacity: int, budget: int) -> tuple[int, list[int]]:
        """Search for offsets at which every buffer ends at or below `capacity`.

        Args:
            memory: Number of the memory of failures to use.
            order: The buffers, the one to prefer first.
            capacity: Height, in units.
            budget: Placements to try at most.

        Returns:
            The core's verdict, and the offsets in units if it is FOUND.
        """
        problem, state = self._problem(order), self._state(memory)
        if (self.nodes + budget) * len(self._member) <= INTERPRETED_STEPS:
            verdict = search_core.search(problem, state, capacity, budget)
        else:
            from sparse_mcu.costmodel.memory.placement import compiled  # noqa: PLC0415 - numba takes half a second that small plans never pay

            problem = search_core.Problem(*(np.array(values, dtype=np.int64) for values in problem))
            state = search_core.State(*(np.array(values, dtype=np.int64) for values in state))
            verdict = compiled.search(problem, state, capacity, budget)
        if self.params.remembers:
            self._weights[memory] = [(int(weight) + 1) // 2 for weight in state.weight]
        self.nodes += int(state.spent[0])
        return verdict, [int(offset) for offset in state.low]

    def _problem(self, order: Sequence[int]) -> search_core.Problem:
        instance = self.instance
        rank = [0] * len(instance.size)
        for position, buffer in enumerate(order):
            rank[buffer] = position
        return search_core.Problem(
            size=instance.size,
            start=instance.start,
            end=instance.end,
            first=self._first,
            member=self._member,
            rank=rank,
            heir=instance.heir,
            gap=instance.gap,
            shared=instance.shared,
            guest=self._guest,
            sibling=self._sibling,
            lesson=[int(self.params.learns)],
            is_snug=[int(self.params.fits_snugly)],
        )

    def _state(self, memory: int) -> search_core.State:
        count, loads = len(self.instance.size), self.instance.loads
        return search_core.State(
            low=[0] * count,
            is_open=[1] * count,
            floor=[0] * len(loads),
            rest=[*loads],
            options=[0] * len(loads),
            chosen=[0] * count,
            left=[0] * count,
            right=[0] * count,
            saved=[0] * count**2,
            spent=[0],
            weight=[*self._weights[memory]],
        )
