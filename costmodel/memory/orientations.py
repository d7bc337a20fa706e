"""Exact placement by orientation: which of two buffers that meet is the lower one.

Where buffers may overlap, a placement is a chain of small displacements, each input some bytes above its output,
whose sum no single step shows. Ranges of offsets see it: if one buffer of a pair cannot be the lower one, the
other is, and that narrows both ranges. What is left open is decided by branching, depth first.
"""

from itertools import combinations
from typing import NamedTuple

from costmodel.memory.instance import Instance
from costmodel.memory.packing import EXHAUSTED, FOUND, INFEASIBLE


class _State(NamedTuple):
    """Ranges of offsets, and which pairs are decided: 1 if the first is the lower one, -1 if the second, 0 if open."""

    low: list[int]
    high: list[int]
    decided: list[int]

    def branch(self, pair: int, decision: int) -> "_State":
        decided = self.decided.copy()
        decided[pair] = decision
        return _State(self.low.copy(), self.high.copy(), decided)


class Orienter:
    """Searches on one instance.

    Attributes:
        nodes: Work so far: pairs, once for each state visited.
        pairs: Buffers that meet, in the order of their births, and how far each lifts the other.
    """

    def __init__(self, instance: Instance) -> None:
        """Find the pairs."""
        self.instance = instance
        self.nodes = 0
        met = {pair for members in instance.members for pair in combinations(members, 2)}
        self.pairs = [(one, other, instance.rise(one, other), instance.rise(other, one)) for one, other in sorted(met)]

    def run(self, capacity: int, budget: int) -> tuple[int, list[int]]:
        """Place all buffers below `capacity`, with at most `budget` further nodes.

        Returns:
            FOUND, INFEASIBLE (proven) or EXHAUSTED, and the offsets in units if it is FOUND.
        """
        size = self.instance.size
        waiting = [_State([0] * len(size), [capacity - need for need in size], [0] * len(self.pairs))]
        while waiting:
            if budget <= 0:
                return EXHAUSTED, []
            self.nodes, budget = self.nodes + len(self.pairs), budget - len(self.pairs)
            state = waiting.pop()
            if self._narrow(state):
                pair, decision = self._tightest(state)
                if pair < 0:
                    return FOUND, state.low
                waiting += [state.branch(pair, -decision), state.branch(pair, decision)]
        return INFEASIBLE, []

    def _narrow(self, state: _State) -> bool:
        """Decide what is forced until nothing changes; False if a buffer or a pair has no place left."""
        low, high, decided = state
        if any(bottom > top for bottom, top in zip(low, high, strict=True)):
            return False
        changed = True
        while changed:
            changed = False
            for pair in (*reversed(range(len(self.pairs))), *range(len(self.pairs))):
                lower, upper, rise, fall = self.pairs[pair]
                if not decided[pair]:
                    decided[pair] = (high[lower] < low[upper] + fall) - (high[upper] < low[lower] + rise)
                    if not decided[pair] and high[lower] >= low[upper] + fall:
                        continue
                if decided[pair] < 0:
                    lower, upper, rise = upper, lower, fall
                if low[lower] + rise > low[upper]:
                    low[upper], changed = low[lower] + rise, True
                if high[upper] - rise < high[lower]:
                    high[lower], changed = high[upper] - rise, True
                if low[lower] > high[lower] or low[upper] > high[upper]:
                    return False
        return True

    def _tightest(self, state: _State) -> tuple[int, int]:
        """Of the pairs that collide where all buffers lie lowest, the one with the least room; (-1, 0) if none does."""
        low, high, decided = state
        best, decision, least = -1, 0, 0
        for pair, (one, other, rise, fall) in enumerate(self.pairs):
            if not decided[pair] and low[one] + rise > low[other] and low[other] + fall > low[one]:
                room, reverse_room = high[other] - low[one] - rise, high[one] - low[other] - fall
                if best < 0 or room + reverse_room < least:
                    best, decision, least = pair, 1 if room >= reverse_room else -1, room + reverse_room
        return best, decision
