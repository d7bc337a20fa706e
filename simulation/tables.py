"""Results for people: what the reports look like on a terminal."""

from collections.abc import Iterable

from rich.table import Table

from costmodel.cli import console, table
from costmodel.memory.explain import shortened
from costmodel.report import (
    AnalysisReport,
    FlashReport,
    MemoryReport,
    RamReport,
    Shortfall,
    SimulationReport,
)

_MAP_COLUMNS = 40
_NAME_COLUMNS = 36


def show_analysis(report: AnalysisReport) -> None:
    """Print RAM, flash, the memory map and the verdict."""
    built = "not built: no code, no stack" if report.toolchain is None else _tool(report)
    console.print(f"[bold]{report.model.name}[/] on [bold]{report.board}[/] ({report.core}), {built}")
    console.print(_memory_table(report.ram, report.flash))
    console.print(_map_table(report.memory))
    _show_fit(report.fits, report.shortfalls)


def show_simulation(report: SimulationReport) -> None:
    """Print cycles a layer, RAM, flash and the verdict."""
    console.print(
        f"[bold]{report.model.name}[/] on [bold]{report.board}[/] ({report.core}), {_tool(report)}, "
        f"{report.engine.name} {report.engine.version} at {report.simulated_mips:.0f} simulated MIPS"
    )
    grid = table("Cycles", "layer", "kernel", "cycles", "share", "instructions")
    for layer in report.cycles.layers:
        share = layer.cycles / max(report.cycles.total, 1)
        grid.add_row(_short(layer.layer), layer.kernel, f"{layer.cycles:,}", f"{share:.1%}", f"{layer.instructions:,}")
    grid.add_section()
    grid.add_row("inference", "", f"{report.cycles.total:,}", "", f"{report.instructions:,}")
    console.print(grid)
    console.print(_memory_table(report.ram, report.flash))
    console.print(
        f"latency {report.latency_ms:.3f} ms, energy {report.energy_uj:.1f} uJ "
        f"(cycles emulated, priced by {report.cycles.timing_model}; energy = board power x latency)"
    )
    verdict = "equal" if report.outputs_match_reference else "[red]DIFFER FROM[/]"
    console.print(f"outputs {verdict} the integer reference")
    _show_fit(report.fits, report.shortfalls)


def _short(name: str) -> str:
    """A name as a table has room for it: exporters join whole chains of names by semicolons."""
    return shortened(name.split(";", maxsplit=1)[0], _NAME_COLUMNS)


def _tool(report: AnalysisReport | SimulationReport) -> str:
    return "" if report.toolchain is None else f"{report.toolchain.name} {report.toolchain.version}"


def _memory_table(ram: RamReport, flash: FlashReport) -> Table:
    grid = table("Memory", "item", "bytes", "of", "measured")
    _rows(grid, [("arena", ram.arena_bytes, ram.measured_arena_bytes), ("static data", ram.static_bytes, None)])
    _rows(grid, [("stack (bound)", ram.stack_bytes, ram.measured_stack_bytes), ("padding", ram.padding_bytes, None)])
    grid.add_row("RAM", _number(ram.total_bytes), f"{ram.capacity_bytes:,}", _number(ram.measured_bytes), style="bold")
    grid.add_section()
    parts = [("weights", flash.weights_bytes), ("constants", flash.constants_bytes), ("code", flash.code_bytes)]
    parts += [("vectors", flash.vectors_bytes), ("initial data", flash.data_bytes), ("padding", flash.padding_bytes)]
    _rows(grid, [(name, size, None) for name, size in parts])
    grid.add_row("flash", _number(flash.total_bytes), f"{flash.capacity_bytes:,}", "", style="bold")
    return grid


def _rows(grid: Table, items: Iterable[tuple[str, int | None, int | None]]) -> None:
    for name, size, measured in items:
        if size != 0 or name in {"arena", "weights"}:
            grid.add_row(name, _number(size), "", "" if measured is None else f"{measured:,}")


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _map_table(memory: MemoryReport) -> Table:
    proof = "proven optimal" if memory.proven else f"lower bound {memory.lower_bound_bytes:,}"
    grid = table(
        f"Arena ({proof}; peak {memory.peak_live_bytes:,} bytes at {_short(memory.peak_step)})",
        "buffer",
        "offset",
        "bytes",
        "steps",
        "life",
    )
    grid.columns[-1].justify = "left"
    steps = max(len(memory.schedule), 1)
    for placed in memory.placement:
        life = _bar(placed.start, placed.end, steps)
        span = f"{max(placed.start, 0)}-{placed.end - 1}"
        grid.add_row(_short(placed.buffer), f"{placed.offset_bytes:,}", f"{placed.size_bytes:,}", span, life)
    return grid


def _bar(start: int, end: int, steps: int) -> str:
    width = min(_MAP_COLUMNS, steps)
    first = max(start, 0) * width // steps
    last = max((min(end, steps) * width + steps - 1) // steps, first + 1)
    return "." * first + "#" * (last - first) + "." * (width - last)


def _show_fit(fits: bool | None, shortfalls: list[Shortfall]) -> None:
    if fits is None:
        console.print("fits as far as is known without code and stack; build for the answer")
    if fits:
        console.print("[green]fits[/]")
    for missing in shortfalls:
        items = ", ".join(f"{_short(item.name)} {item.size_bytes:,}" for item in missing.items)
        console.print(f"[red]does not fit[/]: {missing.memory} is {missing.excess_bytes:,} bytes too small for {items}")
