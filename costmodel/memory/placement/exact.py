"""Running the search core: which way, on which data."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from sparse_mcu.costmodel.memory.placement import search_core as packing
from sparse_mcu.costmodel.memory.placement.instance import Instance

INTERPRETED_STEPS = 300_000
"""Inner steps (placements x buffers over all sections) below which machine code is not worth its load time."""


class Searcher:
    """Exact searches on one instance; each leaves to the next of the same memory which sections failed, half forgotten.

    Attributes:
        nodes: Placements tried so far.
    """

    def __init__(self, instance: Instance, memories: int) -> None:
        """Prepare; `memories` is the number of separate memories of failures."""
        self.instance = instance
        self.nodes = 0
        self._first = [0, *accumulate(len(members) for members in instance.members)]
        self._member = [buffer for members in instance.members for buffer in members]
        self._guest, self._sibling = [-1] * len(instance.size), [-1] * len(instance.size)
        for buffer, heir in enumerate(instance.heir):
            if heir >= 0:
                self._sibling[buffer], self._guest[heir] = self._guest[heir], buffer
        self._weights = [[1] * len(instance.loads) for _ in range(memories)]

    def run(self, memory: int, order: Sequence[int], capacity: int, budget: int) -> tuple[int, list[int]]:
        """Search for offsets below `capacity` with candidates in `order`.

        Returns:
            The core's verdict, and the offsets in units if it is FOUND.
        """
        instance, count = self.instance, len(self.instance.size)
        rank = [0] * count
        for position, buffer in enumerate(order):
            rank[buffer] = position
        problem = packing.Problem(
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
        )
        state = packing.State(
            low=[0] * count,
            is_open=[1] * count,
            floor=[0] * len(instance.loads),
            rest=[*instance.loads],
            options=[0] * len(instance.loads),
            chosen=[0] * count,
            left=[0] * count,
            right=[0] * count,
            saved=[0] * count**2,
            spent=[0],
            weight=self._weights[memory],
        )
        if (self.nodes + budget) * len(self._member) <= INTERPRETED_STEPS:
            verdict = packing.search(problem, state, capacity, budget)
        else:
            from sparse_mcu.costmodel.memory.placement import compiled  # noqa: PLC0415 - numba takes half a second that small plans never pay

            problem = packing.Problem(*(np.array(values, dtype=np.int64) for values in problem))
            state = packing.State(*(np.array(values, dtype=np.int64) for values in state))
            verdict = compiled.search(problem, state, capacity, budget)
        self._weights[memory] = [(int(weight) + 1) // 2 for weight in state.weight]
        self.nodes += int(state.spent[0])
        return verdict, [int(offset) for offset in state.low]
