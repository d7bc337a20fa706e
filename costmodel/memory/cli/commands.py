"""Defines the command `plan`: the planner alone, on buffers or on a graph."""

import csv
import io
import time
from pathlib import Path
from typing import Literal

import click
from rich.markup import escape

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.cli.console import console, emit, progress_console, table
from sparse_mcu.costmodel.cli.options import OutputFile, examples, json_option
from sparse_mcu.costmodel.cli.root import EXIT_CHECK_FAILED
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.files.readers import read_buffers, read_graph
from sparse_mcu.costmodel.memory.model.budget import DEFAULT_MEMORY_BYTES, DEFAULT_SECONDS, Budget
from sparse_mcu.costmodel.memory.placement.placement import place
from sparse_mcu.costmodel.memory.planning.explain import placed
from sparse_mcu.costmodel.memory.planning.planner import plan_memory
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, Fidelity, PlacedBuffer

_MEGABYTE = 10**6
_SHOWN = 20
"""Rows of the table; the whole placement is in the JSON and in the CSV."""


class PlanReport(Record):
    """The answer of `plan`; only a graph has a schedule and a peak."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["plan"] = "plan"
    project_version: str = __version__
    problem: str
    height_bytes: int
    lower_bound_bytes: int
    proven: bool
    seconds: float
    capacity_bytes: int | None
    fits: bool | None
    placement: list[PlacedBuffer]
    schedule: list[str] | None = None
    peak_live_bytes: int | None = None
    peak_step: str | None = None
    fidelity: Fidelity = "analysed"


@click.command(
    short_help="Run the memory planner alone, on buffers or on a graph.",
    epilog=examples(
        "plan buffers.csv --capacity 1048576 --output placed.csv",
        "analyze model.onnx --board microbit --no-build --problem graph.json",
        "plan graph.json --json -",
    ),
)
@click.argument("problem", type=click.Path(path_type=Path), metavar="BUFFERS.csv|GRAPH.json")
@click.option("--capacity", type=click.IntRange(min=0), metavar="BYTES", help="Any height up to this one will do.")
@click.option("--output", type=OutputFile(), metavar="OUT.csv", help="Write the buffers, with offsets.")
@click.option("--nodes", type=click.IntRange(min=0), default=400_000, show_default=True, metavar="N", help="Budget.")
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(min=0),
    default=DEFAULT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="End with the best plan so far after this CPU time.",
)
@click.option(
    "--memory",
    "megabytes",
    type=click.IntRange(min=1),
    default=DEFAULT_MEMORY_BYTES // _MEGABYTE,
    show_default=True,
    metavar="MB",
    help="End the search over orders when it keeps so many states as take this memory.",
)
@json_option
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    problem: Path,
    capacity: int | None,
    output: Path | None,
    nodes: int,
    seconds: float,
    megabytes: int,
    json_target: str | None,
) -> None:
    """Place buffers with fixed lives (CSV: id, lower, upper, size; upper exclusive), or plan a graph whole.

    A graph is {"sizes": {tensor: bytes}, "ops": [{"ins": [...], "outs": [...]}], "inputs": [...], "outputs": [...]}.
    An operator may also have a "name", "scratch" bytes, and "distances": {input: least bytes from the output's start
    up to the input's} at which its output may take the place of an input that dies. "parts": {value: {"buffer",
    "at", "size"}} lie inside a buffer. See docs/memory.md.

    Without --capacity the height is minimised. The same input gives the same plan if --nodes ends the search, and
    neither --time nor --memory. Exits with 1 where the placement found is above the capacity.
    """
    budget = Budget(seconds, megabytes * _MEGABYTE)
    with progress_console.status(f"planning {problem.name}"):
        is_graph = problem.suffix.lower() == ".json"
        report = (_plan_graph if is_graph else _plan_buffers)(problem, capacity, nodes, budget)
    if output is not None:
        write_atomically(output, _as_csv(report))
    emit(report, json_target, lambda: _show(report))
    if report.fits is False:
        ctx.exit(EXIT_CHECK_FAILED)


def _plan_graph(problem: Path, capacity: int | None, nodes: int, budget: Budget) -> PlanReport:
    graph = read_graph(problem)
    started = time.perf_counter()
    made = plan_memory(graph, order_nodes=nodes, placement_nodes=nodes, meter=budget.start())
    return PlanReport(
        problem=problem.name,
        height_bytes=made.arena_bytes,
        lower_bound_bytes=made.lower_bound_bytes,
        proven=made.proven,
        seconds=time.perf_counter() - started,
        capacity_bytes=capacity,
        fits=None if capacity is None else made.arena_bytes <= capacity,
        placement=placed(made.buffers, made.offsets),
        schedule=[*made.schedule],
        peak_live_bytes=made.peak_live_bytes,
        peak_step=made.peak_step,
    )


def _plan_buffers(problem: Path, capacity: int | None, nodes: int, budget: Budget) -> PlanReport:
    buffers = read_buffers(problem)
    started = time.perf_counter()
    made = place(buffers, target_bytes=capacity or 0, node_budget=nodes, meter=budget.start())
    check_placement(buffers, made.offsets, made.height_bytes)
    return PlanReport(
        problem=problem.name,
        height_bytes=made.height_bytes,
        lower_bound_bytes=made.lower_bound_bytes,
        proven=made.height_bytes == made.lower_bound_bytes,
        seconds=time.perf_counter() - started,
        capacity_bytes=capacity,
        fits=None if capacity is None else made.height_bytes <= capacity,
        placement=placed(buffers, made.offsets),
    )


def _as_csv(report: PlanReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "lower", "upper", "size", "offset"])
    writer.writerows([b.buffer, b.start, b.end, b.size_bytes, b.offset_bytes] for b in report.placement)
    return text.getvalue()


def _show(report: PlanReport) -> None:
    gap = report.height_bytes - report.lower_bound_bytes
    state = "proven smallest" if report.proven else f"lower bound {report.lower_bound_bytes}, gap {gap}"
    summary = f"{report.problem}: {report.height_bytes} bytes ({state}), {report.seconds:.3f} s"
    console.print(summary, highlight=False, markup=False)
    if report.fits is not None:
        relation = "fits" if report.fits else f"is {report.height_bytes - (report.capacity_bytes or 0)} bytes above"
        console.print(f"{relation} {report.capacity_bytes} bytes", highlight=False)
    if report.schedule is not None:
        console.print(f"peak: {report.peak_live_bytes} bytes live at {report.peak_step}", highlight=False, markup=False)
    grid = table("Largest buffers", "buffer", "offset", "size", "from step", "to step")
    for buffer in sorted(report.placement, key=lambda each: -each.size_bytes)[:_SHOWN]:
        row = (buffer.offset_bytes, buffer.size_bytes, buffer.start, buffer.end - 1)
        grid.add_row(escape(buffer.buffer), *(str(value) for value in row))
    console.print(grid)
