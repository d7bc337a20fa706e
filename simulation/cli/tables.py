"""Prints reports as tables on a terminal."""

from collections.abc import Iterable, Iterator, Mapping

from rich.markup import escape
from rich.table import Table

from sparse_mcu.costmodel.cli.console import console, table
from sparse_mcu.costmodel.report import (
    AnalysisReport,
    CyclesReport,
    FlashReport,
    RamReport,
    Shortfall,
    SimulationReport,
)
from sparse_mcu.simulation.cli.memory_tables import NAME_COLUMNS, short, show_arena, show_levers, show_why
from sparse_mcu.simulation.firmware.source import STREAM

_MEMORY = {"ram": "RAM", "flash": "flash"}
_WIDE = 100  # a terminal with so many columns has room for instructions and for what cycles are spent on
_INSTRUCTIONS_COLUMNS = 28
_BORDER_COLUMNS = 19


def show_analysis(report: AnalysisReport, *, explain: bool = False) -> None:
    """Prints RAM, flash, the arena and the verdict; with `explain` also every buffer."""
    built = "not built, so code and stack are unknown" if report.toolchain is None else _tool(report)
    console.print(f"{_subject(report)}, {built}")
    console.print(_memory_table(report.ram, report.flash))
    show_arena(report.memory, report.ram.arena_bytes, explain=explain)
    show_why(report.memory, too_small=any(missing.memory == "ram" for missing in report.shortfalls))
    if report.cycles is not None and report.cycles.predicted_layers:
        known, count = report.cycles.predicted_layers, len(report.cycles.layers)
        which = "all layers" if known == count else f"{known} of {count} layers"
        total = float(f"{report.cycles.total:.3g}")
        console.print(f"cycles of {which}: about {total:,.0f} ({report.cycles.fidelity}); `simulate` counts them all")
    _show_fit(report.fits, report.shortfalls)


def show_simulation(report: SimulationReport) -> None:
    """Prints the cycles of each layer, RAM, flash and the verdict."""
    console.print(
        f"{_subject(report)}, {_tool(report)}, {report.engine.name} {report.engine.version} "
        f"at {report.simulated_mips:.0f} simulated MIPS"
    )
    console.print(_cycles_table(report))
    _show_causes(report.cycles)
    console.print(_memory_table(report.ram, report.flash))
    show_levers(report.memory)
    console.print(
        f"latency {report.latency_ms:.3f} ms ({report.latency_fidelity}: emulated counts priced by "
        f"{report.cycles.timing_model}), energy {report.energy_uj:.1f} uJ ({report.energy_fidelity}: board power x "
        f"latency; the power is {report.power_source.partition(':')[0]})"
    )
    verdict = "equal" if report.outputs_match_reference else "[red]DIFFER FROM[/]"
    console.print(f"outputs {verdict} the integer reference")
    _show_fit(report.fits, report.shortfalls)


def _cycles_table(report: SimulationReport) -> Table:
    """Returns a row for each layer. Layers of a stream stand below it. A wide terminal also shows instructions."""
    is_wide, layers, total = console.width >= _WIDE, report.cycles.layers, f"{report.cycles.total:,}"
    kernels = max((len(layer.kernel) for layer in layers), default=0)
    taken = kernels + len(total) + (_INSTRUCTIONS_COLUMNS if is_wide else 0) + _BORDER_COLUMNS
    streamed = {name for stream in report.memory.streams for name in stream.operators}
    room = min(max(console.width - taken, len("inference")), NAME_COLUMNS)
    extra = ["instructions", "per MAC"] if is_wide else []
    grid = table(f"Cycles ({report.cycles.fidelity})", "layer", "kernel", "cycles", "share", *extra)
    for layer in layers:
        indent = "  " if layer.kernel != STREAM and layer.layer in streamed else ""
        share = f"{layer.cycles / max(report.cycles.total, 1):.1%}"
        per_mac = "" if layer.cycles_per_mac is None else f"{layer.cycles_per_mac:.2f}"
        row = (layer.kernel, f"{layer.cycles:,}", share, f"{layer.instructions:,}", per_mac)
        grid.add_row(indent + short(layer.layer, room - len(indent)), *row[: len(grid.columns) - 1])
    grid.add_section()
    grid.add_row("inference", "", total, "", *([f"{report.instructions:,}"] if is_wide else []))
    return grid


def _show_causes(cycles: CyclesReport) -> None:
    """Prints what the cycles are spent on: in a table of layers if it fits, else of the inference in a line."""
    causes = [name for name, spent in cycles.causes.items() if spent]
    taken = sum(max(len(name), len("100.0%")) + 3 for name in causes) + 4
    if console.width < max(_WIDE, taken + len("inference")):
        shares = ", ".join(f"{name} {cycles.causes[name] / max(cycles.total, 1):.1%}" for name in causes)
        console.print(f"cycles spent on: {shares}")
        return
    room = min(console.width - taken, NAME_COLUMNS)
    grid = table("Where the cycles go", "layer", *causes)
    for layer in cycles.layers:
        grid.add_row(short(layer.layer, room), *_shares(layer.causes, layer.cycles, causes))
    grid.add_section()
    grid.add_row("inference", *_shares(cycles.causes, cycles.total, causes))
    console.print(grid)


def _shares(spent: Mapping[str, int], cycles: int, causes: Iterable[str]) -> Iterator[str]:
    return (f"{spent.get(cause, 0) / max(cycles, 1):.1%}" for cause in causes)


def _subject(report: AnalysisReport | SimulationReport) -> str:
    return f"[bold]{escape(report.model.name)}[/] on [bold]{escape(report.board)}[/] ({report.core})"


def _tool(report: AnalysisReport | SimulationReport) -> str:
    return "" if report.toolchain is None else f"{report.toolchain.name} {report.toolchain.version}"


def _memory_table(ram: RamReport, flash: FlashReport) -> Table:
    is_run = ram.measured_bytes is not None
    grid = table(f"Memory ({ram.fidelity})", "item", "bytes", "of", *(["touched (emulated)"] if is_run else []))
    _rows(grid, [("arena", ram.arena_bytes, ram.measured_arena_bytes), ("static data", ram.static_bytes, None)])
    _rows(grid, [("stack (bound)", ram.stack_bytes, ram.measured_stack_bytes), ("padding", ram.padding_bytes, None)])
    touched = [_number(ram.measured_bytes)] if is_run else []
    grid.add_row("RAM", _number(ram.total_bytes), f"{ram.capacity_bytes:,}", *touched, style="bold")
    grid.add_section()
    parts = [("weights", flash.weights_bytes), ("constants", flash.constants_bytes), ("code", flash.code_bytes)]
    parts += [("vectors", flash.vectors_bytes), ("initial data", flash.data_bytes), ("padding", flash.padding_bytes)]
    _rows(grid, [(name, size, None) for name, size in parts])
    grid.add_row("flash", _number(flash.total_bytes), f"{flash.capacity_bytes:,}", style="bold")
    return grid


def _rows(grid: Table, items: Iterable[tuple[str, int | None, int | None]]) -> None:
    for name, size, touched in items:
        if size != 0 or name in {"arena", "weights"}:
            grid.add_row(name, _number(size), "", *([] if touched is None else [f"{touched:,}"]))


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _show_fit(fits: bool | None, shortfalls: list[Shortfall]) -> None:
    if fits is None:
        console.print("fits as far as is known without code and stack; only a build tells for certain")
    if fits:
        console.print("[green]fits[/]")
    for missing in shortfalls:
        items = ", ".join(f"{short(item.name)} {item.size_bytes:,}" for item in missing.items)
        excess = f"{_MEMORY[missing.memory]} is {missing.excess_bytes:,} bytes too small"
        console.print(f"[red]does not fit[/]: {excess} for {items}")
