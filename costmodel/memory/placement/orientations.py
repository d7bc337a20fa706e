"""Exact placement by orientation: which of two buffers that meet is the lower one.

Where buffers may overlap, a placement is a chain of small displacements, each input some bytes above its output,
whose sum no single step shows. Ranges of offsets see it: if one buffer of a pair cannot be the lower one, the
other is, and that narrows both ranges. What is left open is decided by branching, depth first.
"""

from collections import deque
from itertools import combinations
from typing import NamedTuple

from sparse_mcu.costmodel.memory.placement.instance import Instance
from sparse_mcu.costmodel.memory.placement.search_core import EXHAUSTED, FOUND, INFEASIBLE


class _State(NamedTuple):
    """Ranges of offsets, and what is known of the pairs.

    Attributes:
        low: [n] lowest offset of each buffer.
        high: [n] highest.
        decided: For each pair 1 if the first is the lower one, -1 if the second is, 0 if either may be.
        stale: Pairs that may narrow the ranges further.
    """

    low: list[int]
    high: list[int]
    decided: list[int]
    stale: deque[int]

    def branch(self, pair: int, decision: int) -> "_State":
        """This state with one more pair decided."""
        decided = self.decided.copy()
        decided[pair] = decision
        return _State(self.low.copy(), self.high.copy(), decided, deque([pair]))


class Orienter:
    """Searches on one instance.

    Attributes:
        nodes: Work so far: pairs, once for each state visited.
        pairs: Buffers that meet, in the order of their births, and how far each lifts the other.
    """

    def __init__(self, instance: Instance) -> None:
        """Find the pairs, and for each buffer those that it is in."""
        self.instance = instance
        self.nodes = 0
        met = {pair for members in instance.members for pair in combinations(members, 2)}
        self.pairs = [(one, other, instance.rise(one, other), instance.rise(other, one)) for one, other in sorted(met)]
        self._pairs_of: list[list[int]] = [[] for _ in instance.size]
        for pair, (one, other, *_) in enumerate(self.pairs):
            self._pairs_of[one].append(pair)
            self._pairs_of[other].append(pair)

    def run(self, capacity: int, budget: int) -> tuple[int, list[int]]:
        """Place all buffers below `capacity`, with at most `budget` further nodes.

        Returns:
            FOUND, INFEASIBLE (proven) or EXHAUSTED, and the offsets in units if it is FOUND.
        """
        high = [capacity - size for size in self.instance.size]
        if min(high) < 0:
            return INFEASIBLE, []
        pairs = range(len(self.pairs))
        waiting = [_State([0] * len(high), high, [0] * len(pairs), deque(reversed(pairs)))]
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
        low, high, decided, stale = state
        while stale:
            pair = stale.popleft()
            lower, upper, rise, fall = self.pairs[pair]
            if not decided[pair]:
                decided[pair] = (high[lower] < low[upper] + fall) - (high[upper] < low[lower] + rise)
                if not decided[pair] and high[lower] >= low[upper] + fall:
                    continue
            if decided[pair] < 0:
                lower, upper, rise = upper, lower, fall
            if low[lower] + rise > low[upper]:
                low[upper] = low[lower] + rise
                stale += self._pairs_of[upper]
            if high[upper] - rise < high[lower]:
                high[lower] = high[upper] - rise
                stale += self._pairs_of[lower]
            if low[lower] > high[lower] or low[upper] > high[upper]:
                return False
        return True

    def _tightest(self, state: _State) -> tuple[int, int]:
        """Of the pairs that collide where all buffers lie lowest, the one with the least room; (-1, 0) if none does."""
        low, high, decided, _ = state
        best, decision, least = -1, 0, 0
        for pair, (one, other, rise, fall) in enumerate(self.pairs):
            if not decided[pair] and low[one] + rise > low[other] and low[other] + fall > low[one]:
                room, reverse_room = high[other] - low[one] - rise, high[one] - low[other] - fall
                if best < 0 or room + reverse_room < least:
                    best, decision, least = pair, 1 if room >= reverse_room else -1, room + reverse_room
        return best, decision
