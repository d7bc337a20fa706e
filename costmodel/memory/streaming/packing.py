"""Runs the packing of `packing_core.py`: each task once, interpreted at first, in machine code when there are many.

A planner packs thousands of streams, and many of them alike: the same stretch again with another order of the graph,
other levers, or another kernel elsewhere. So packings are remembered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np

from sparse_mcu.costmodel.memory.streaming import packing_core

_ROUNDS = 120
"""Changes of the best packing that are tried."""

_REMEMBERED = 1 << 14

_INTERPRETED_ITEMS = 6_000
"""Items of interpreted packings, squared and summed up over the process, after which machine code is loaded. That takes
as long as these packings did, so no plan takes more than twice the time of the better way."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Bytes from `low` above an item's offset on, in use in stages [start, end)."""

    start: int
    end: int
    low: int
    size: int


Item = tuple[Slab, ...]
"""One slab, or the rows that a window keeps and its new rows above them."""

Shared = tuple[tuple[int, int, int], ...]
"""(Dying item, item whose last slab is born in that stage, safe distance between them), each dying item once."""


@dataclass(slots=True)
class _Interpreted:
    """How much was interpreted so far."""

    items: int = 0


_interpreted = _Interpreted()


@lru_cache(_REMEMBERED)
def packed(items: tuple[Item, ...], shared: Shared, least: int) -> tuple[int, tuple[int, ...], tuple[bool, ...]]:
    """Packs items by first fit in a few orders, then changes the best packing at random while that helps.

    In a change one item moves in the order, or one item with two slabs is turned over. A change that is no worse is
    kept. The same items give the same packing.

    Args:
        items: What is packed; at least one.
        shared: Which items may overlap.
        least: A height that no packing is below.

    Returns:
        The height, the offset of each item, and whether it is turned.
    """
    count = len(items)
    heir, gap = [-1] * count, [0] * count
    for dying, born, distance in shared:
        heir[dying], gap[dying] = born, distance
    slabs = [slab for item in items for slab in item]
    firsts = [0]
    for item in items:
        firsts.append(firsts[-1] + len(item))
    task = packing_core.Slabs(
        first=firsts,
        start=[slab.start for slab in slabs],
        end=[slab.end for slab in slabs],
        size=[slab.size for slab in slabs],
        heir=heir,
        gap=gap,
        orders=[number for order in _orders(items) for number in order],
        moves=_moves(count, tuple(number for number, item in enumerate(items) if len(item) > 1)),
        least=[least],
    )
    packing = packing_core.Packing([slab.low for slab in slabs], [0] * count, [0] * count, [0] * count, [0] * count)
    height, packing = _run(task, packing)
    return height, tuple(map(int, packing.offset)), tuple(map(bool, packing.is_turned))


def _run(task: packing_core.Slabs, packing: packing_core.Packing) -> tuple[int, packing_core.Packing]:
    """Packs, in machine code if enough was interpreted before."""
    if _interpreted.items < _INTERPRETED_ITEMS:
        _interpreted.items += len(task.heir) ** 2
        return packing_core.pack(task, packing), packing
    from sparse_mcu.costmodel.memory.streaming import compiled  # noqa: PLC0415 - small plans never load numba

    arrays = packing_core.Packing(*(np.array(values, dtype=np.int64) for values in packing))
    return int(
        compiled.pack(packing_core.Slabs(*(np.array(values, dtype=np.int64) for values in task)), arrays)
    ), arrays


@lru_cache(_REMEMBERED)
def _moves(count: int, turnable: tuple[int, ...]) -> tuple[int, ...]:
    """Draws the changes that are tried, as `packing_core.Slabs.moves` has them."""
    chance, moves = Random(0), list[int]()  # noqa: S311 - no secret
    for _ in range(_ROUNDS):
        if turnable and chance.random() < 1 / 2:
            moves += [-1, chance.choice(turnable)]
        else:
            moves += [chance.randrange(count), chance.randrange(count)]
    return tuple(moves)


def _orders(items: Sequence[Item]) -> Iterator[list[int]]:
    """Yield the items ranked by size, by life, by both, by birth, and by number of slabs."""
    size = [sum(slab.size for slab in item) for item in items]
    life = [max(slab.end - slab.start for slab in item) for item in items]
    every = range(len(items))
    yield sorted(every, key=lambda i: -size[i])
    yield sorted(every, key=lambda i: (-life[i], -size[i]))
    yield sorted(every, key=lambda i: -size[i] * life[i])
    yield sorted(every, key=lambda i: (items[i][-1].start, -size[i]))
    yield sorted(every, key=lambda i: (-len(items[i]), -size[i]))
    yield sorted(every, key=lambda i: (len(items[i]), -size[i]))
