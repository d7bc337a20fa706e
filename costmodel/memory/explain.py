"""Why an arena has the size it has: the peak's tensors, what cannot fit together, and what each lever saves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

from costmodel.memory.levers import ALL, Levers
from costmodel.memory.placement import DEFAULT_NODES, place
from costmodel.memory.plan import Buffer, MemoryPlan, MemoryProblem


@dataclass(frozen=True, slots=True)
class Peak:
    """The step at which the most bytes are live.

    Attributes:
        step: Its name; empty for a plan without steps.
        buffers: What is live then, the largest first.
        shared_bytes: Bytes of them that are counted once although two buffers may use them.
        tensors: For each of these buffers, the tensors that it holds at some time.
    """

    step: str
    buffers: tuple[Buffer, ...]
    shared_bytes: int
    tensors: Mapping[str, tuple[str, ...]]


def peak_of(plan: MemoryPlan, problem: MemoryProblem) -> Peak:
    """The peak of `plan`, which answers `problem`."""
    time = plan.schedule.index(plan.peak_step) if plan.schedule else 0
    live = sorted((b for b in plan.buffers if b.size_bytes and b.start <= time < b.end), key=lambda b: -b.size_bytes)
    held: dict[str, list[str]] = {buffer.name: [] for buffer in live}
    for tensor, value in problem.buffer_of.items():
        if problem.home(value) in held:
            held[problem.home(value)].append(tensor)
    return Peak(
        step=plan.peak_step,
        buffers=tuple(live),
        shared_bytes=sum(buffer.size_bytes for buffer in live) - plan.peak_live_bytes,
        tensors={name: tuple(tensors) for name, tensors in held.items()},
    )


def irreducible_conflict(
    plan: MemoryPlan, capacity_bytes: int, node_budget: int = DEFAULT_NODES
) -> tuple[tuple[Buffer, ...], bool]:
    """Buffers of `plan`'s order that do not fit into `capacity_bytes` together, while any fewer of them do.

    One buffer after the other is left out, the smallest first, if the rest is still proven not to fit.

    Args:
        plan: With an arena that is proven to be larger than the capacity in its order.
        capacity_bytes: Of the board.
        node_budget: For each proof.

    Returns:
        The buffers by birth, and whether each was shown to be needed; none if they all fit.
    """
    kept = [buffer for buffer in plan.buffers if buffer.size_bytes]
    if place(kept, plan.overlaps, target_bytes=capacity_bytes, node_budget=node_budget).height_bytes <= capacity_bytes:
        return (), True
    is_irreducible = True
    for buffer in sorted(kept, key=lambda buffer: (buffer.size_bytes, buffer.name)):
        rest = [other for other in kept if other is not buffer]
        names = {other.name for other in rest}
        pairs = [pair for pair in plan.overlaps if pair.dying in names and pair.output in names]
        placed = place(rest, pairs, target_bytes=capacity_bytes, node_budget=node_budget)
        if placed.lower_bound_bytes > capacity_bytes:
            kept = rest
        elif placed.height_bytes > capacity_bytes:
            is_irreducible = False
    return tuple(sorted(kept, key=lambda buffer: (buffer.start, buffer.end, buffer.name))), is_irreducible


@dataclass(frozen=True, slots=True)
class Saving:
    """What one lever is worth.

    Attributes:
        lever: Its name, as in `Levers`.
        off_bytes: The arena with this lever off, the others as they are.
        on_bytes: The arena with this lever on, the others as they are.
    """

    lever: str
    off_bytes: int
    on_bytes: int


def savings_of(arena_of: Callable[[Levers], int], levers: Levers = ALL) -> tuple[Saving, ...]:
    """For each switch, the arena without and with it, the others as in `levers`.

    Args:
        arena_of: Plans a network with these levers; its arena in bytes.
        levers: The others.
    """
    arena = cache(arena_of)
    return tuple(
        Saving(
            each.name,
            arena(replace(levers, **{each.name: False})),
            arena(replace(levers, **{each.name: True})),
        )
        for each in fields(Levers)
        if isinstance(each.default, bool)
    )


def memory_map(plan: MemoryPlan, *, width: int = 72, height: int = 24) -> str:
    """A drawing in plain text: steps to the right, addresses upwards, a letter per buffer, `#` where two overlap.

    Args:
        plan: What to draw.
        width: Columns at most; longer schedules show several steps in one.
        height: Rows.
    """
    steps = max(len(plan.schedule), max((buffer.end for buffer in plan.buffers), default=1))
    columns, rows = max(width // steps * steps, min(width, steps)), max(1, min(height, plan.arena_bytes))
    canvas = [[" "] * columns for _ in range(rows)]
    drawn = sorted((b for b in plan.buffers if b.size_bytes), key=lambda b: (b.start, b.end, b.name))
    for index, buffer in enumerate(drawn):
        bottom, top = _cells(plan.offsets[buffer.name], buffer.size_bytes, rows, max(plan.arena_bytes, 1))
        left, right = _cells(buffer.start, buffer.end - buffer.start, columns, steps)
        for row in canvas[bottom:top]:
            for column in range(left, right):
                row[column] = _LETTERS[index % len(_LETTERS)] if row[column] == " " else "#"
    peak = _cells(plan.schedule.index(plan.peak_step), 1, columns, steps)[0] if plan.schedule else 0
    label = max(len(str(plan.arena_bytes)), 1)
    lines = [
        f"{plan.arena_bytes * (rows - row) // rows:>{label}} |{''.join(canvas[rows - 1 - row])}" for row in range(rows)
    ]
    lines += [f"{0:>{label}} +{'-' * columns}", f"{'':{label}}  {' ' * peak}^ peak: {shortened(plan.peak_step)}"]
    legend = [f"{_LETTERS[i % len(_LETTERS)]} {shortened(b.name)} ({b.size_bytes})" for i, b in enumerate(drawn)]
    return "\n".join([*lines, *legend])


def shortened(name: str, length: int = 40) -> str:
    """`name` or its end: converters make names of hundreds of characters out of what they fused."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _cells(start: int, length: int, cells: int, total: int) -> tuple[int, int]:
    """The cells that [start, start + length) of `total` touches, at least one."""
    first = min(start * cells // total, cells - 1)
    return first, max(first + 1, -(-(start + length) * cells // total))


def shared_regions(plan: MemoryPlan) -> Sequence[tuple[int, int, int]]:
    """Where two buffers really share bytes: (step, lowest byte, one past the highest)."""
    life = {buffer.name: buffer for buffer in plan.buffers}
    found: list[tuple[int, int, int]] = []
    for pair in plan.overlaps:
        spans = [(plan.offsets[name], plan.offsets[name] + life[name].size_bytes) for name in (pair.dying, pair.output)]
        low, high = max(low for low, _ in spans), min(high for _, high in spans)
        if low < high:
            found.append((life[pair.output].start, low, high))
    return found
