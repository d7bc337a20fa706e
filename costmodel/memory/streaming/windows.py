"""Packs a stream's windows and its kernels' scratch into its working memory.

A window that keeps rows from one turn to the next has two slabs. The kept rows are in use all the time. The new rows
lie above them and are in use only from the stage that writes them to the last stage that reads them; at other stages
something else may lie there. In a window that moves first, the two slabs lie the other way up.

Example: a window of 3 rows of 100 bytes, 1 of them new, written by stage 0 and read by stage 1. Its slabs are bytes
[0, 200), in use in all stages, and bytes [200, 300), in use in stages 0 and 1. If stage 2 has 80 bytes of scratch, they
fit at offset 200, and the working memory is 300 bytes instead of 380.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random

from sparse_mcu.costmodel.graph.operators import AverageRows, Operator
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import RowWindow
from sparse_mcu.costmodel.memory.problem.values import aligned

_ROUNDS = 120  # changes of the best packing that are tried


@dataclass(frozen=True, slots=True)
class StageNeeds:
    """What a stage needs.

    Attributes:
        operator: Its operator.
        contract: Its kernel's contract, for one call.
        calls: Calls in a firing.
        firings: Firings in a turn of the window that it writes.
    """

    operator: Operator
    contract: KernelContract
    calls: int
    firings: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Offsets from the start of the working memory.

    Attributes:
        offsets: The offset of each tensor's window.
        scratch: The offset of each operator's scratch, for those that have any.
        size_bytes: Bytes of the working memory.
        least_bytes: No packing needs less.
        moving_first: Tensors whose windows move on before they are written.
    """

    offsets: Mapping[str, int]
    scratch: Mapping[str, int]
    size_bytes: int
    least_bytes: int
    moving_first: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Slab:
    """Bytes from `low` above an item's offset on, in use in stages [start, end)."""

    start: int
    end: int
    low: int
    size: int


_Item = tuple[_Slab, ...]
_Shared = Mapping[tuple[int, int], int]
"""By (dying item, item whose last slab is born in that stage): the safe distance between them."""


def pack(stages: Sequence[StageNeeds], windows: Mapping[str, RowWindow]) -> Packed:
    """Find the smallest working memory.

    Items are placed by first fit in a few orders. The best packing is then changed at random: one item moves in the
    order, or one window is turned over. A change that is no worse is kept.

    Args:
        stages: In order.
        windows: The window of each tensor.

    Returns:
        The offsets, and a bound on the size.
    """
    items = [*(_window(stages, window) for window in windows.values()), *_scratches(stages)]
    shared = _shared(stages, windows, items)
    least = _most_in_use(items, shared, len(stages))
    best = min((_Packing.of(items, order, shared) for order in _orders(items)), key=lambda each: each.height)
    chance = Random(0)  # noqa: S311 - no secret
    for _ in range(_ROUNDS):
        if best.height <= least:
            break
        other = best.changed(chance, shared)
        best = other if other.height <= best.height else best
    users = [stage.operator.name for stage in stages if stage.contract.scratch_bytes]
    return Packed(
        offsets=dict(zip(windows, best.offsets, strict=False)),
        scratch=dict(zip(users, best.offsets[len(windows) :], strict=True)),
        size_bytes=best.height,
        least_bytes=least,
        moving_first=frozenset(name for name, item in zip(windows, best.items, strict=False) if _is_turned(item)),
    )


@dataclass(frozen=True, slots=True)
class _Packing:
    """Items placed by first fit in an order."""

    items: Sequence[_Item]
    order: list[int]
    height: int
    offsets: list[int]

    @classmethod
    def of(cls, items: Sequence[_Item], order: list[int], shared: _Shared) -> "_Packing":
        """Place each item in turn, as low as it fits among those before it."""
        able = {pair: distance for pair, distance in shared.items() if not _is_turned(items[pair[1]])}
        return cls(items, order, *_first_fit(items, order, able))

    def changed(self, chance: Random, shared: _Shared) -> "_Packing":
        """Return a packing with one window turned over, or with one item elsewhere in the order."""
        items, order = [*self.items], [*self.order]
        turnable = [number for number, item in enumerate(items) if len(item) > 1]
        if turnable and chance.random() < 1 / 2:
            number = chance.choice(turnable)
            items[number] = _turned(items[number])
        else:
            order.insert(chance.randrange(len(order)), order.pop(chance.randrange(len(order))))
        return _Packing.of(items, order, shared)


def _is_turned(item: _Item) -> bool:
    return len(item) > 1 and item[1].low == 0


def _turned(item: _Item) -> _Item:
    """Swap which slab of a window is the lower one."""
    kept, new = item
    low = kept.size if _is_turned(item) else 0
    return replace(kept, low=new.size if low == 0 else 0), replace(new, low=low)


def _uses(stages: Sequence[StageNeeds], window: RowWindow) -> list[int]:
    return [i for i, each in enumerate(stages) if window.tensor in (*each.operator.inputs, each.operator.output)]


def _is_written_at_once(stages: Sequence[StageNeeds], window: RowWindow) -> bool:
    """Whether all rows of a turn are written in one tick."""
    return window.is_loaded or stages[_uses(stages, window)[0]].firings == 1


def _window(stages: Sequence[StageNeeds], window: RowWindow) -> _Item:
    uses = _uses(stages, window)
    if not _is_written_at_once(stages, window):
        return (_Slab(0, len(stages), 0, window.size_bytes),)
    kept = window.kept_bytes
    new = _Slab(uses[0], uses[-1] + 1, kept, window.new_bytes)
    return (_Slab(0, len(stages), 0, kept), new) if kept else (new,)


def _scratches(stages: Sequence[StageNeeds]) -> Iterator[_Item]:
    for index, stage in enumerate(stages):
        if stage.contract.scratch_bytes:
            life = (0, len(stages)) if isinstance(stage.operator, AverageRows) else (index, index + 1)
            yield (_Slab(*life, 0, stage.contract.scratch_bytes),)


def _shared(stages: Sequence[StageNeeds], windows: Mapping[str, RowWindow], items: Sequence[_Item]) -> _Shared:
    """Find windows that may be overlapped: they keep no rows, and die in the one call that writes new rows."""
    number = {name: index for index, name in enumerate(windows) if _is_written_at_once(stages, windows[name])}
    shared: dict[tuple[int, int], int] = {}
    for index, stage in enumerate(stages):
        target = number.get(stage.operator.output)
        if target is None or stage.calls > 1:
            continue
        for name, distance in stage.contract.safe_distance_bytes.items():
            source = number.get(name)
            if source is not None and len(items[source]) == 1 and items[source][0].end == index + 1:
                shared[source, target] = distance
    return shared


def _most_in_use(items: Sequence[_Item], shared: _Shared, stages: int) -> int:
    change = [0] * (stages + 1)
    for item in items:
        for slab in item:
            change[slab.start] += slab.size
            change[slab.end] -= slab.size
    for (source, target), distance in shared.items():
        slab = items[target][-1]
        saved = max(0, min(items[source][0].size, slab.size - max(distance, 0)))
        change[slab.start] -= saved
        change[slab.start + 1] += saved
    return max(accumulate(change))


def _orders(items: Sequence[_Item]) -> Iterator[list[int]]:
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


def _forbidden(
    items: Sequence[_Item], number: int, placed: Sequence[tuple[int, _Slab, int]], shared: _Shared
) -> Iterator[tuple[int, int]]:
    """Yield the open intervals of offsets at which an item would collide with a placed (item, slab, lowest byte)."""
    for slab in items[number]:
        for other, there, bottom in placed:
            if slab.start < there.end and there.start < slab.end:
                low, high = bottom - slab.size, bottom + there.size
                if (other, number) in shared and slab is items[number][-1]:
                    low = bottom - min(slab.size, shared[other, number])
                elif (number, other) in shared and there is items[other][-1]:
                    high = bottom + min(there.size, shared[number, other])
                if low < high:
                    yield low - slab.low, high - slab.low


def _first_fit(items: Sequence[_Item], order: Sequence[int], shared: _Shared) -> tuple[int, list[int]]:
    """Place each item in turn, as low as it fits; return the height, and the offset of each item."""
    placed: list[tuple[int, _Slab, int]] = []
    offsets, height = [0] * len(items), 0
    for number in order:
        offset = 0
        for low, high in sorted(_forbidden(items, number, placed, shared)):
            if low >= offset:
                break  # so do all that follow
            offset = max(offset, aligned(high))
        offsets[number] = offset
        for slab in items[number]:
            placed.append((number, slab, offset + slab.low))
            height = max(height, offset + slab.low + slab.size)
    return height, offsets
