"""Finds a good order quickly: a beam search, which keeps the best few states of each size.

The states with one executed step are made, then those with two, and so on. Of each size only the `width` best go on:
those with the lowest peak, then those with the fewest live bytes. The same decides which 32 next steps of a state are
looked at. That is the method of Ow and Morton ("Filtered beam search in scheduling", International Journal of
Production Research 26, 1988), with the safe moves of `states.py`, which let a state skip sizes. A wide beam finds
better orders than a narrow one, and takes longer in proportion. It proves nothing: a state that is left out might have
led to the best order.

Example: of two states with three executed steps, one has a peak of 90 bytes and 10 live bytes, the other a peak of 80
and 70 live bytes. A beam of width 1 keeps the second one.
"""

from sparse_mcu.costmodel.memory.model.budget import Meter
from sparse_mcu.costmodel.memory.order.states import Moves, State

_CHILDREN = 32
"""Next steps that are tried from a state."""


def beam(moves: Moves, incumbent: State, width: int, meter: Meter) -> tuple[State, int]:
    """Search for a complete state that is better than a known one.

    Args:
        moves: Of the segment.
        incumbent: The best complete state so far.
        width: States of each size that are expanded.
        meter: Ends the search early.

    Returns:
        The best complete state, and the number of states that were expanded.
    """
    nodes, start = 0, moves.settled(moves.start())
    waiting: dict[int, dict[int, State]] = {start.executed.bit_count(): {start.executed: start}}
    while waiting and incumbent.peak > moves.bound:
        size = min(waiting)
        states = sorted(waiting.pop(size).values(), key=lambda each: (each.peak, each.live))
        for state in states[:width]:
            if state.peak >= incumbent.peak:
                break
            if meter.is_spent():
                return incumbent, nodes
            nodes += 1
            for child in map(moves.settled, moves.promising(state, incumbent.peak, _CHILDREN)):
                if child.executed == moves.complete:
                    incumbent = min(incumbent, child, key=lambda each: each.peak)
                    continue
                same = waiting.setdefault(child.executed.bit_count(), {})
                known = same.get(child.executed)
                if known is None or child.peak < known.peak:
                    same[child.executed] = child
    return incumbent, nodes
