"""Packs a stream's windows and its kernels' scratch into its working memory.

A window that keeps rows from one turn to the next has two slabs. The kept rows are in use all the time. The new rows
lie above them and are in use only from the stage that writes them to the last stage that reads them; at other stages
something else may lie there. In a window that moves first, the two slabs lie the other way up.

Example: a window of 3 rows of 100 bytes, 1 of them new, written by stage 0 and read by stage 1. Its slabs are bytes
[0, 200), in use in all stages, and bytes [200, 300), in use in stages 0 and 1. If stage 2 has 80 bytes of scratch, they
fit at offset 200, and the working memory is 300 bytes instead of 380.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sparse_mcu.costmodel.graph.operators import AverageRows, Operator
from sparse_mcu.costmodel.memory.model.plan import KernelContract
from sparse_mcu.costmodel.memory.model.stream import RowWindow
from sparse_mcu.costmodel.memory.streaming.packing import Item, Shared, Slab, packed


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


def pack(stages: Sequence[StageNeeds], windows: Mapping[str, RowWindow]) -> Packed:
    """Find the smallest working memory.

    Args:
        stages: In order.
        windows: The window of each tensor.

    Returns:
        The offsets, and a bound on the size.
    """
    items = [*(_window(stages, window) for window in windows.values()), *_scratches(stages)]
    shared = _shared(stages, windows, items)
    least = _most_in_use(items, shared, len(stages))
    height, offsets, are_turned = packed(tuple(items), shared, least)
    users = [stage.operator.name for stage in stages if stage.contract.scratch_bytes]
    return Packed(
        offsets=dict(zip(windows, offsets, strict=False)),
        scratch=dict(zip(users, offsets[len(windows) :], strict=True)),
        size_bytes=height,
        least_bytes=least,
        moving_first=frozenset(name for name, is_turned in zip(windows, are_turned, strict=False) if is_turned),
    )


def _uses(stages: Sequence[StageNeeds], window: RowWindow) -> list[int]:
    return [i for i, each in enumerate(stages) if window.tensor in (*each.operator.inputs, each.operator.output)]


def _is_written_at_once(stages: Sequence[StageNeeds], window: RowWindow) -> bool:
    """Whether all rows of a turn are written in one tick."""
    return window.is_loaded or stages[_uses(stages, window)[0]].firings == 1


def _window(stages: Sequence[StageNeeds], window: RowWindow) -> Item:
    uses = _uses(stages, window)
    if not _is_written_at_once(stages, window):
        return (Slab(0, len(stages), 0, window.size_bytes),)
    kept = window.kept_bytes
    new = Slab(uses[0], uses[-1] + 1, kept, window.new_bytes)
    return (Slab(0, len(stages), 0, kept), new) if kept else (new,)


def _scratches(stages: Sequence[StageNeeds]) -> Iterator[Item]:
    for index, stage in enumerate(stages):
        if stage.contract.scratch_bytes:
            life = (0, len(stages)) if isinstance(stage.operator, AverageRows) else (index, index + 1)
            yield (Slab(*life, 0, stage.contract.scratch_bytes),)


def _shared(stages: Sequence[StageNeeds], windows: Mapping[str, RowWindow], items: Sequence[Item]) -> Shared:
    """Find windows that may be overlapped: they keep no rows, and die in the one call that writes new rows."""
    number = {name: index for index, name in enumerate(windows) if _is_written_at_once(stages, windows[name])}
    shared: list[tuple[int, int, int]] = []
    for index, stage in enumerate(stages):
        target = number.get(stage.operator.output)
        if target is None or stage.calls > 1:
            continue
        for name, distance in stage.contract.safe_distance_bytes.items():
            source = number.get(name)
            if source is not None and len(items[source]) == 1 and items[source][0].end == index + 1:
                shared.append((source, target, distance))
    return tuple(shared)


def _most_in_use(items: Sequence[Item], shared: Shared, stages: int) -> int:
    change = [0] * (stages + 1)
    for item in items:
        for slab in item:
            change[slab.start] += slab.size
            change[slab.end] -= slab.size
    for source, target, distance in shared:
        slab = items[target][-1]
        saved = max(0, min(items[source][0].size, slab.size - max(distance, 0)))
        change[slab.start] -= saved
        change[slab.start + 1] += saved
    return max(accumulate(change))
