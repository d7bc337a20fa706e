"""Packs the slabs of a stream's working memory: first fit in a few orders, then changes that are kept if they help.

The code is written in the common subset of Python and numba, on flat sequences of integers. They are lists where it is
interpreted, and int64 arrays where it is compiled (`packing.py`). Both ways find the same packing.

Words: an *item* is a window or a kernel's scratch. It has one or two *slabs*, which lie at fixed distances from its
offset. Slab s has the bytes [offset + low[s], offset + low[s] + size[s]), in use in the stages [start[s], end[s]). An
item with two slabs is *turned* if its second slab is the lower one. `heir[i]` is the item that may overlap item i where
that dies, in the stage in which the last slab of the heir is born; `gap[i]` is their safe distance. A turned heir may
not.

Example: two items of 300 bytes, in use in stages 0-1 and 1-2, and one of 100 bytes in stage 2. Largest first, they go
to 0, 300 and 0. The height is 600, which no change makes lower, because two items are in use in stage 1.
"""

from typing import Any, NamedTuple, TypeAlias

Ints: TypeAlias = Any
"""list[int] interpreted, int64 array compiled: whatever is indexed by and holds integers."""

ALIGNMENT_BYTES = 4
"""As `sparse_mcu.costmodel.memory.problem.values.ALIGNMENT_BYTES`; machine code takes constants of its own module."""

HIGHEST = 1 << 60
"""More than the height of any packing."""


class Slabs(NamedTuple):
    """The task: n items with s slabs.

    Attributes:
        first: [n + 1] index of each item's first slab.
        start: [s] first stage in which a slab is in use.
        end: [s] one past the last.
        size: [s] bytes.
        heir: [n] the item that may overlap it where it dies, or -1.
        gap: [n] their safe distance.
        orders: [k * n] orders to begin with.
        moves: [2 * m] changes to try. Each is (-1, the item to turn), or (where to, where from) in the order.
        least: [1] a height that no packing is below.
    """

    first: Ints
    start: Ints
    end: Ints
    size: Ints
    heir: Ints
    gap: Ints
    orders: Ints
    moves: Ints
    least: Ints


class Packing(NamedTuple):
    """Where the search is, and its answer in the end.

    Attributes:
        low: [s] distance of each slab from its item's offset, as no item is turned.
        is_turned: [n] zeros.
        order: [n] anything.
        offset: [n] anything; the best packing in the end.
        trial: [n] anything; the packing in the making.
    """

    low: Ints
    is_turned: Ints
    order: Ints
    offset: Ints
    trial: Ints


def pack(slabs: Slabs, packing: Packing) -> int:
    """Finds a low packing, and returns its height."""
    count, height, best = len(slabs.heir), HIGHEST, 0
    for start in range(0, len(slabs.orders), max(count, 1)):
        take(slabs.orders, start, packing.order)
        reached = first_fit(slabs, packing)
        if reached < height:
            height, best = reached, start
            take(packing.trial, 0, packing.offset)
    take(slabs.orders, best, packing.order)
    for move in range(0, len(slabs.moves), 2):
        if height <= slabs.least[0]:
            break
        to, chosen = slabs.moves[move], slabs.moves[move + 1]
        change(slabs, packing, to, chosen)
        reached = first_fit(slabs, packing)
        if reached <= height:
            height = reached
            take(packing.trial, 0, packing.offset)
        elif to < 0:
            change(slabs, packing, to, chosen)
        else:
            change(slabs, packing, chosen, to)
    return height


def take(values: Ints, start: int, target: Ints) -> None:
    """Copies values from `start` on into the whole of `target`."""
    for index in range(len(target)):
        target[index] = values[start + index]


def change(slabs: Slabs, packing: Packing, to: int, chosen: int) -> None:
    """Turns the item `chosen` if `to` is negative; else moves what stands at `chosen` in the order to `to`."""
    if to < 0:
        kept = slabs.first[chosen]
        packing.is_turned[chosen] = 1 - packing.is_turned[chosen]
        packing.low[kept] = slabs.size[kept + 1] if packing.is_turned[chosen] else 0
        packing.low[kept + 1] = 0 if packing.is_turned[chosen] else slabs.size[kept]
        return
    item, step = packing.order[chosen], 1 if to > chosen else -1
    for place in range(chosen, to, step):
        packing.order[place] = packing.order[place + step]
    packing.order[to] = item


def first_fit(slabs: Slabs, packing: Packing) -> int:
    """Places each item of the order in turn, as low as it fits among those before it, and returns the height."""
    height = 0
    for position in range(len(packing.order)):
        item = packing.order[position]
        packing.trial[item] = 0
        is_moved = True
        while is_moved:
            is_moved = False
            for before in range(position):
                above = lifted(slabs, packing, item, packing.order[before])
                if above > packing.trial[item]:
                    packing.trial[item] = above
                    is_moved = True
        for slab in range(slabs.first[item], slabs.first[item + 1]):
            height = max(height, packing.trial[item] + packing.low[slab] + slabs.size[slab])
    return height


def lifted(slabs: Slabs, packing: Packing, item: int, other: int) -> int:
    """Returns the lowest offset, from its present one on, at which `item` does not collide with a placed `other`."""
    offset: int = packing.trial[item]
    last, last_other = slabs.first[item + 1] - 1, slabs.first[other + 1] - 1
    is_heir = slabs.heir[other] == item and packing.is_turned[item] == 0
    has_heir = slabs.heir[item] == other and packing.is_turned[other] == 0
    for slab in range(slabs.first[item], last + 1):
        for there in range(slabs.first[other], last_other + 1):
            if slabs.start[slab] < slabs.end[there] and slabs.start[there] < slabs.end[slab]:
                bottom = packing.trial[other] + packing.low[there] - packing.low[slab]
                below, above = bottom - slabs.size[slab], bottom + slabs.size[there]
                if is_heir and slab == last:
                    below = bottom - min(slabs.size[slab], slabs.gap[other])
                elif has_heir and there == last_other:
                    above = bottom + min(slabs.size[there], slabs.gap[item])
                if below < offset < above:
                    offset = -(-above // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return offset
