"""Places buffers exactly by deciding, for each two buffers that meet, which of them is the lower one.

The search keeps a range of possible offsets for each buffer. If one buffer of a pair cannot be the lower one, the other
one must be, and that narrows both ranges. When nothing narrows any more, the search branches on a pair that is still
open, depth first.

It is strong where buffers may overlap. There each output may have to start a few bytes below its input, and along a
chain of layers these bytes add up. No single step shows the sum, but the ranges do.

Example: b0, b1, b2, b3 of 10 bytes each; each dies in the step in which the next is born, and must start at least 1
byte above it. The height is 12, so every offset is in [0, 2]. No output can start above its input: 10 + 0 > 2. So b0 is
at least 1 above b1, b1 above b2, b2 above b3, and b0 is at least 3. That leaves its range: 12 bytes are too few. With
a height of 13 the search finds the offsets 3, 2, 1, 0.
"""

from collections import deque
from itertools import combinations
from typing import NamedTuple

from sparse_mcu.costmodel.memory.placement.instance import Instance
from sparse_mcu.costmodel.memory.placement.search_core import EXHAUSTED, FOUND, INFEASIBLE


class _State(NamedTuple):
    """Ranges of offsets, and which pairs are decided.

    Attributes:
        low: [n] lowest offset of each buffer.
        high: [n] highest offset of each buffer.
        decided: For each pair 1 if the first buffer is the lower one, -1 if the second is, 0 if either may be.
        stale: Pairs to look at again, because the range of one of their buffers has changed.
    """

    low: list[int]
    high: list[int]
    decided: list[int]
    stale: deque[int]

    def branch(self, pair: int, decision: int) -> "_State":
        """Copy this state, with one more pair decided."""
        decided = self.decided.copy()
        decided[pair] = decision
        return _State(self.low.copy(), self.high.copy(), decided, deque([pair]))


class Orienter:
    """Searches on one instance.

    Attributes:
        nodes: Work so far: the number of pairs, counted once for each state visited.
        pairs: (one, other, rise, fall) for each two buffers that meet. If `one` is the lower one, `other` starts at
            least `rise` units above it; if `other` is, `one` starts at least `fall` units above it.
    """

    def __init__(self, instance: Instance) -> None:
        """Find the pairs that meet, and the pairs of each buffer."""
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
        """Decide all pairs that are forced, and narrow the ranges, until nothing changes.

        Returns:
            False if a buffer has no offset left, or if neither buffer of a pair can be the lower one.
        """
        low, high, decided, stale = state
        while stale:
            pair = stale.popleft()
            one, other, rise, fall = self.pairs[pair]
            if not decided[pair]:
                one_must_be_below = high[one] < low[other] + fall
                one_must_be_above = high[other] < low[one] + rise
                if one_must_be_below and one_must_be_above:
                    return False
                if not one_must_be_below and not one_must_be_above:
                    continue
                decided[pair] = 1 if one_must_be_below else -1
            lower, upper, rise = (one, other, rise) if decided[pair] > 0 else (other, one, fall)
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
        """Find the pair to branch on: of the open pairs that collide at the lowest offsets, the one with least room.

        Returns:
            The pair, and the decision that leaves more room; (-1, 0) if no pair collides.
        """
        low, high, decided, _ = state
        best, decision, least = -1, 0, 0
        for pair, (one, other, rise, fall) in enumerate(self.pairs):
            if not decided[pair] and low[one] + rise > low[other] and low[other] + fall > low[one]:
                room, reverse_room = high[other] - low[one] - rise, high[one] - low[other] - fall
                if best < 0 or room + reverse_room < least:
                    best, decision, least = pair, 1 if room >= reverse_room else -1, room + reverse_room
        return best, decision
