"""Explains an arena's size: the tensors at the peak, what cannot fit together, and what each lever saves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sparse_mcu.costmodel.memory.model.levers import ALL, Levers, switches
from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryPlan
from sparse_mcu.costmodel.memory.placement.placement import DEFAULT_NODES, Placement, place
from sparse_mcu.costmodel.report import PlacedBuffer

_SCRATCH = ".scratch"


@dataclass(frozen=True, slots=True)
class Peak:
    """The step at which the most bytes are live.

    Attributes:
        index: Its place in the schedule.
        buffers: What is live then, the largest first.
        shared_bytes: Bytes of them that are counted once although two buffers may use them.
        tensors: For each of these buffers, the tensors that it holds at some time; none for working memory.
    """

    index: int
    buffers: tuple[Buffer, ...]
    shared_bytes: int
    tensors: Mapping[str, tuple[str, ...]]


def peak_of(plan: MemoryPlan) -> Peak:
    """Describe the peak of `plan`."""
    index = plan.schedule.index(plan.peak_step) if plan.schedule else 0
    live = [each for each in plan.buffers if each.size_bytes and each.start <= index < each.end]
    held: dict[str, list[str]] = {buffer.name: [] for buffer in live}
    for tensor, buffer in plan.buffer_of_tensor.items():
        if buffer in held:
            held[buffer].append(tensor)
    return Peak(
        index=index,
        buffers=tuple(sorted(live, key=lambda buffer: -buffer.size_bytes)),
        shared_bytes=sum(buffer.size_bytes for buffer in live) - plan.peak_live_bytes,
        tensors={name: tuple(tensors) for name, tensors in held.items()},
    )


def irreducible_conflict(
    plan: MemoryPlan, capacity_bytes: int, node_budget: int = DEFAULT_NODES
) -> tuple[tuple[Buffer, ...], bool]:
    """Find buffers that do not fit into `capacity_bytes` together, while any fewer of them do.

    First half of the buffers are left out, then quarters, and in the end single ones, the smallest first. They stay out
    if the rest is still proven not to fit.

    Args:
        plan: With an arena that is proven to be larger than the capacity in its order.
        capacity_bytes: Of the board.
        node_budget: For each proof.

    Returns:
        The buffers by birth, and whether each was shown to be needed; none if they all fit.
    """

    def placed(buffers: Sequence[Buffer]) -> Placement:
        names = {buffer.name for buffer in buffers}
        pairs = [pair for pair in plan.overlaps if pair.dying in names and pair.output in names]
        return place(buffers, pairs, target_bytes=capacity_bytes, node_budget=node_budget)

    kept = sorted((each for each in plan.buffers if each.size_bytes), key=lambda each: (each.size_bytes, each.name))
    if placed(kept).height_bytes <= capacity_bytes:
        return (), True
    is_irreducible, count = True, len(kept)
    for size in [count >> times for times in range(1, count.bit_length())]:
        first = 0
        while first < len(kept):
            rest = kept[:first] + kept[first + size :]
            without = placed(rest)
            if without.lower_bound_bytes > capacity_bytes:
                kept = rest
            else:
                first += size
                is_irreducible &= size > 1 or without.height_bytes <= capacity_bytes
    return tuple(sorted(kept, key=lambda buffer: (buffer.start, buffer.end, buffer.name))), is_irreducible


@dataclass(frozen=True, slots=True)
class Saving:
    """What one lever is worth.

    Attributes:
        lever: Its name, as in `Levers`.
        is_on: Whether it is.
        off_bytes: The arena with this lever off, the others as they are.
        on_bytes: The arena with this lever on, the others as they are.
        kept_bytes: Where it costs memory, the arena with this lever turned and the kernels as they are now; None
            elsewhere, and where these kernels cannot be had then.
    """

    lever: str
    is_on: bool
    off_bytes: int
    on_bytes: int
    kept_bytes: int | None = None


def savings_of(
    arena_of: Callable[[Levers], int],
    levers: Levers = ALL,
    kept_of: Callable[[Levers], int | None] = lambda _: None,
) -> tuple[Saving, ...]:
    """Compute for each switch the arena without and with it, the others as in `levers`.

    A lever may cost memory, because other kernels may be chosen with it than without.

    Args:
        arena_of: Plans a network with these levers, kernels included; its arena in bytes.
        levers: The others.
        kept_of: The same with the kernels that are chosen with `levers`; None where that cannot be.
    """
    arena = cache(arena_of)
    found = []
    for name in switches():
        is_on = getattr(levers, name)
        off_bytes, on_bytes = (arena(replace(levers, **{name: value})) for value in (False, True))
        turned = replace(levers, **{name: not is_on})
        found.append(Saving(name, is_on, off_bytes, on_bytes, kept_of(turned) if off_bytes < on_bytes else None))
    return tuple(found)


def readable(name: str, length: int) -> str:
    """Shorten `name` to `length` characters.

    Converters join whole chains of names by semicolons, so the first is taken, or its end; "<step>.scratch", the name
    of a step's working memory, keeps that word.
    """
    suffix = " scratch" if name.endswith(_SCRATCH) else ""
    head = name.removesuffix(_SCRATCH).split(";", maxsplit=1)[0]
    printable = "".join(character if character.isprintable() else "?" for character in head)
    room = length - len(suffix)
    return (printable if len(printable) <= room else f"…{printable[1 - room :]}") + suffix


@dataclass(frozen=True, slots=True)
class SharedBytes:
    """Bytes [low, high) that the output of a step takes from an input that dies there."""

    dying: str
    output: str
    step: int
    low: int
    high: int


def shared_regions(plan: MemoryPlan) -> Sequence[SharedBytes]:
    """Find where two buffers really share bytes."""
    life = {buffer.name: buffer for buffer in plan.buffers}
    found: list[SharedBytes] = []
    for pair in plan.overlaps:
        spans = [(plan.offsets[name], plan.offsets[name] + life[name].size_bytes) for name in (pair.dying, pair.output)]
        low, high = max(low for low, _ in spans), min(high for _, high in spans)
        if low < high:
            found.append(SharedBytes(pair.dying, pair.output, life[pair.output].start, low, high))
    return found


def placed(buffers: Iterable[Buffer], offsets: Mapping[str, int]) -> list[PlacedBuffer]:
    """Join buffers and their offsets, as reports have them."""
    return [
        PlacedBuffer(
            buffer=each.name,
            offset_bytes=offsets[each.name],
            size_bytes=each.size_bytes,
            start=each.start,
            end=each.end,
        )
        for each in buffers
    ]
