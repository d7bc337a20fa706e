"""Lower bounds on the height of a placement beyond the load: which of two buffers must lie below the other."""

from itertools import combinations

from costmodel.memory.instance import Instance


def forced_bound(instance: Instance, lowest: int, height: int) -> int:
    """The least capacity in [lowest, height] that is not refuted by forced orders, in units; by bisection."""
    pairs = _meetings(instance)
    if lowest < height and not _is_open(instance, pairs, height - 1):
        return height
    while lowest < height:
        middle = (lowest + height) // 2
        if _is_open(instance, pairs, middle):
            height = middle
        else:
            lowest = middle + 1
    return height


def _meetings(instance: Instance) -> list[tuple[int, int, int, int]]:
    """Buffers that meet, in the order of their births, and how far each lifts the other."""
    pairs = {pair for members in instance.members for pair in combinations(members, 2)}
    return [(one, other, instance.rise(one, other), instance.rise(other, one)) for one, other in sorted(pairs)]


def _is_open(instance: Instance, pairs: list[tuple[int, int, int, int]], capacity: int) -> bool:
    """Whether offsets below `capacity` may exist.

    If one buffer cannot be the lower of a pair, the other one is: that narrows both ranges of offsets. Overlap
    makes long chains of such decisions, each input some bytes above its output, whose sum no single step shows.
    """
    low, high = [0] * len(instance.size), [capacity - size for size in instance.size]
    before: list[int] = []
    while before != (before := low + high):
        for one, other, over, under in (*reversed(pairs), *pairs):
            is_below, is_above = low[one] + over <= high[other], low[other] + under <= high[one]
            if not is_above:
                low[other] = max(low[other], low[one] + over)
                high[one] = min(high[one], high[other] - over)
            if not is_below:
                low[one] = max(low[one], low[other] + under)
                high[other] = min(high[other], high[one] - under)
            if low[one] > high[one] or low[other] > high[other]:
                return False
    return True
