"""Prints several simulations as one table, with a row for each."""

from rich.markup import escape

from sparse_mcu.costmodel.cli.console import console, table
from sparse_mcu.costmodel.report import BatchReport, SimulationReport
from sparse_mcu.simulation.cli.memory_tables import show_levers
from sparse_mcu.simulation.jobs.batch import NOT_SIMULATED


def show_batch(report: BatchReport) -> None:
    """Prints what is the same for all models, then a row for each model."""
    done = [result.report for result in report.results if result.report is not None]
    if done:
        first = done[0]
        console.print(
            f"{len(done)} of {len(report.results)} models on [bold]{escape(first.board)}[/] ({first.core}), "
            f"{first.toolchain.name} {first.toolchain.version}, {first.engine.name} {first.engine.version}"
        )
        console.print(
            f"RAM {first.ram.capacity_bytes:,}, flash {first.flash.capacity_bytes:,} bytes; "
            f"cycles {first.cycles.fidelity}: emulated instructions priced by {first.cycles.timing_model}"
        )
        show_levers(first.memory)
    grid = table("Simulations", "model", "cycles", "latency ms", "energy uJ", "RAM", "flash", "verdict")
    grid.columns[0].overflow = "fold"
    grid.columns[-1].no_wrap = True
    for result in report.results:
        if result.report is None:
            verdict = "not simulated" if result.error == NOT_SIMULATED else "[red]error[/]"
            grid.add_row(escape(result.file), *[""] * 5, verdict)
        else:
            grid.add_row(escape(result.file), *_figures(result.report), _verdict(result.report))
    console.print(grid)


def _figures(report: SimulationReport) -> tuple[str, ...]:
    sizes = (f"{size or 0:,}" for size in (report.ram.total_bytes, report.flash.total_bytes))
    return f"{report.cycles.total:,}", f"{report.latency_ms:.3f}", f"{report.energy_uj:.1f}", *sizes


def _verdict(report: SimulationReport) -> str:
    if not report.outputs_match_reference:
        return "[red]outputs differ[/]"
    return "fits" if report.fits else "[red]does not fit[/]"
