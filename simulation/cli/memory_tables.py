"""Prints the arena: what is live at the peak, a drawing, and why the arena is not smaller."""

from rich.markup import escape
from rich.table import Table

from sparse_mcu.costmodel.cli.console import console, table
from sparse_mcu.costmodel.memory.cli.map import keys_of, memory_map
from sparse_mcu.costmodel.memory.cli.options import lever_name
from sparse_mcu.costmodel.memory.model.levers import ALL, switches
from sparse_mcu.costmodel.memory.planning.explain import readable
from sparse_mcu.costmodel.report import ConflictReport, LeverSaving, MemoryReport, PlacedBuffer

NAME_COLUMNS = 36
_SCRATCH = ".scratch"


def short(name: str, columns: int = NAME_COLUMNS) -> str:
    """Shortens a name to the room that a table has for it, and escapes it as markup."""
    return escape(readable(name, columns))


def show_arena(memory: MemoryReport, arena_bytes: int, *, explain: bool = False) -> None:
    """Prints the arena's size and its proof, the buffers at the peak, the drawing and, on demand, every buffer."""
    console.print(f"[bold]Arena[/] {arena_bytes:,} bytes, {_proof(memory, arena_bytes)} ({memory.fidelity})")
    show_levers(memory)
    console.print(_peak_table(memory))
    if arena_bytes > memory.peak_live_bytes:
        above = arena_bytes - memory.peak_live_bytes
        console.print(f"The arena is {above:,} bytes larger than that, because buffers cannot be placed without gaps.")
    if memory.placement and memory.schedule:
        peak = memory.schedule.index(memory.peak_step)
        console.print(memory_map(memory.placement, arena_bytes, len(memory.schedule), peak, width=console.width))
    if explain:
        console.print(_placement_table(memory))
    elif memory.savings is None:
        console.print("[dim]`analyze --explain` shows every buffer, and what each lever of the planner saves[/]")


def show_levers(memory: MemoryReport) -> None:
    """Prints one line that tells which levers of the planner were on and which were off."""
    on = [lever_name(name) for name in switches() if memory.levers.get(name)]
    off = [lever_name(name) for name in switches() if memory.levers.get(name) is False]
    factor = memory.levers.get("max_recompute", ALL.max_recompute)
    on += [f"max-recompute={factor:g}"] if factor != ALL.max_recompute else []
    console.print(f"[dim]levers on: {' '.join(on) or 'none'}; off: {' '.join(off) or 'none'}[/]", highlight=False)


def show_why(memory: MemoryReport, *, too_small: bool) -> None:
    """Prints what does not fit together and what each lever saves, as far as the report has it.

    Args:
        memory: The report.
        too_small: Whether RAM is too small. Otherwise the conflict is about one byte less than the arena.
    """
    if memory.conflict is not None:
        console.print(_conflict_table(memory, memory.conflict, too_small=too_small))
    if memory.savings is not None:
        console.print(_savings_table(memory.savings))
    for saving in memory.savings or []:
        if saving.off_bytes < saving.on_bytes:
            console.print(_why_it_costs(saving), highlight=False)
        enough = memory.conflict is not None and saving.on_bytes <= memory.conflict.capacity_bytes
        if too_small and enough and not saving.is_on:
            console.print(f"{lever_name(saving.lever)}, turned on, gives {saving.on_bytes:,} bytes, which is enough")


def _proof(memory: MemoryReport, arena_bytes: int) -> str:
    if memory.proven:
        return "proven smallest"
    return f"at most {arena_bytes - memory.lower_bound_bytes:,} bytes above the smallest"


def _peak_table(memory: MemoryReport) -> Table:
    keys = keys_of(memory.placement)
    where = f"step {memory.schedule.index(memory.peak_step)}, {short(memory.peak_step)}" if memory.schedule else "start"
    grid = table(f"Live at the peak ({where})", "buffer", "map", "shape", "address", "bytes")
    streams = {stream.step + _SCRATCH: f"stream of {len(stream.operators)}" for stream in memory.streams}
    if memory.peak is not None:
        for live in memory.peak.buffers:
            shape = "x".join(map(str, live.tensors[0].shape)) if live.tensors else streams.get(live.buffer, "-")
            row = (keys[live.buffer], shape, f"{live.offset_bytes:,}", f"{live.size_bytes:,}")
            grid.add_row(short(live.buffer), *row)
        if memory.peak.shared_bytes:
            grid.add_row("shared by two of them", "", "", "", f"-{memory.peak.shared_bytes:,}")
    grid.add_section()
    grid.add_row("live", "", "", "", f"{memory.peak_live_bytes:,}", style="bold")
    return grid


def _placement_table(memory: MemoryReport) -> Table:
    grid = table("Every buffer, by address", "buffer", "map", "address", "bytes", "steps")
    keys = keys_of(memory.placement)
    for placed in memory.placement:
        grid.add_row(*_placed_row(placed, keys[placed.buffer]))
    return grid


def _conflict_table(memory: MemoryReport, conflict: ConflictReport, *, too_small: bool) -> Table:
    only = "any fewer of them fit" if conflict.irreducible else "perhaps fewer of them do not fit either"
    how = f"together; {only}" if len(conflict.buffers) > 1 else "even alone"
    what = "Too much for the" if too_small else "Why not a byte less: too much for"
    left = " that RAM leaves for the arena" if too_small else ""
    grid = table(
        f"{what} {conflict.capacity_bytes:,} bytes{left}, {how}",
        "buffer",
        "map",
        "address",
        "bytes",
        "steps",
    )
    keys = keys_of(memory.placement)
    for placed in conflict.buffers:
        grid.add_row(*_placed_row(placed, keys[placed.buffer]))
    return grid


def _placed_row(placed: PlacedBuffer, key: str) -> tuple[str, ...]:
    last = placed.end - 1
    steps = f"{placed.start}-{last}" if placed.start < last else f"{placed.start}"
    return short(placed.buffer), key, f"{placed.offset_bytes:,}", f"{placed.size_bytes:,}", steps


def _savings_table(savings: list[LeverSaving]) -> Table:
    grid = table("What each lever saves by itself", "lever", "now", "arena off", "arena on", "saves")
    for saving in sorted(savings, key=lambda each: each.on_bytes - each.off_bytes):
        row = ("on" if saving.is_on else "off", f"{saving.off_bytes:,}", f"{saving.on_bytes:,}")
        saved = saving.off_bytes - saving.on_bytes
        grid.add_row(lever_name(saving.lever), *row, f"{saved:,}" if saved >= 0 else f"costs {-saved:,}")
    return grid


def _why_it_costs(saving: LeverSaving) -> str:
    """Says what else changes with a lever that costs memory."""
    now, turned = (saving.on_bytes, saving.off_bytes) if saving.is_on else (saving.off_bytes, saving.on_bytes)
    what = f"{lever_name(saving.lever)} costs {saving.on_bytes - saving.off_bytes:,} bytes:"
    kept = saving.kept_bytes
    if kept is not None and (kept < now if saving.is_on else kept > now):
        return f"{what} the search ended before it found an equally small arena with it."
    way = "off" if saving.is_on else "on"
    same = "" if kept is None else f"; the present kernels would need {kept:,}"
    return f"{what} when it is turned {way}, other kernels are chosen, and the arena is {turned:,}{same}."
