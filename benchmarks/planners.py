"""Compares our planner with others in one run on one machine: time, height and bound.

`python -m sparse_mcu.benchmarks.planners FOLDER` reads FOLDER/minimalloc/NAME.CAPACITY.csv (buffers with fixed lives)
and FOLDER/schedules/*.json (graphs with their `optimal_peak`). Every placement is checked. Time is the CPU time of this
process and its children. The planners take turns for each instance and round, and the median counts.

With `--operators N`, the order search also runs on random graphs of about N operators (`random_graphs.py`), for 30 CPU
seconds and in 1 GB at most.

With `--ablate`, our planner is compared with itself, with each of its ideas (`PlacementParams`) off in turn.
"""

import csv
import importlib.util
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import click
from pydantic import BaseModel

from sparse_mcu.benchmarks.random_graphs import FAMILIES, random_graph
from sparse_mcu.costmodel.cli.console import console, emit, progress_console, table
from sparse_mcu.costmodel.cli.options import json_option
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.memory.checking.validator import check_placement
from sparse_mcu.costmodel.memory.files.readers import read_buffers, read_graph
from sparse_mcu.costmodel.memory.model.budget import DEFAULT_SECONDS, Budget
from sparse_mcu.costmodel.memory.model.plan import Buffer
from sparse_mcu.costmodel.memory.order.schedule import best_order
from sparse_mcu.costmodel.memory.placement.greedy import first_fit, ranked
from sparse_mcu.costmodel.memory.placement.instance import instances_of
from sparse_mcu.costmodel.memory.placement.params import DEFAULT_PARAMS, PlacementParams
from sparse_mcu.costmodel.memory.placement.placement import place
from sparse_mcu.costmodel.memory.planning.planner import DEFAULT_ORDER_NODES

NODES = 400_000
"""Our budget: the default of `sparse-mcu plan`."""

ABLATION_NODES = 60_000
"""Our budget for each instance with an idea off: twice what the hardest instance needs with all ideas on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a solver: its offsets, or None if it found none, and a proven lower bound of the height."""

    offsets: Mapping[str, int] | None
    lower_bound_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """Buffers with fixed lives, and a capacity that is known to suffice."""

    name: str
    buffers: tuple[Buffer, ...]
    capacity_bytes: int


Solver = Callable[[Sequence[Buffer], int, bool], Answer]
"""Places buffers within a capacity. The last argument says whether to look for the smallest height."""


class Result(BaseModel):
    """The result of a solver on an instance: the median CPU seconds of all rounds, and the height if it found one."""

    solver: str
    instance: str
    cpu_seconds: float
    height_bytes: int | None
    lower_bound_bytes: int
    fits: bool
    proven: bool


class OrderResult(BaseModel):
    """The result of our order search on a graph."""

    graph: str
    cpu_seconds: float
    peak_bytes: int
    lower_bound_bytes: int
    optimal_peak_bytes: int | None


class Comparison(BaseModel):
    """The results of all runs."""

    minimise: bool
    rounds: int
    warm_up_seconds: float
    placements: list[Result]
    orders: list[OrderResult]


def ours(buffers: Sequence[Buffer], capacity: int, minimise: bool) -> Answer:
    """Places buffers by this project's planner."""
    return ours_with(buffers, capacity, minimise, params=DEFAULT_PARAMS, nodes=NODES)


def ours_with(
    buffers: Sequence[Buffer], capacity: int, minimise: bool, *, params: PlacementParams, nodes: int
) -> Answer:
    """Places buffers by this project's planner with some of its ideas."""
    made = place(buffers, target_bytes=0 if minimise else capacity, node_budget=nodes, params=params)
    return Answer(made.offsets, made.lower_bound_bytes)


def ablated(nodes: int = ABLATION_NODES) -> dict[str, Solver]:
    """Returns our planner with all ideas, and with each one off in turn."""
    every = {"all on": DEFAULT_PARAMS}
    for each in fields(PlacementParams):
        every[f"no {each.name}"] = replace(DEFAULT_PARAMS, **{each.name: False})
    return {name: partial(ours_with, params=params, nodes=nodes) for name, params in every.items()}


def greedy_by_size(buffers: Sequence[Buffer], capacity: int, minimise: bool) -> Answer:
    """Places buffers like TensorFlow Lite Micro's GreedyMemoryPlanner: the largest first, each into the lowest gap."""
    del capacity, minimise
    offsets = {buffer.name: 0 for buffer in buffers}
    for instance in instances_of(buffers):
        lows = first_fit(instance, ranked(instance, instance.size))
        offsets |= {name: low * instance.unit for name, low in zip(instance.names, lows, strict=True)}
    return Answer(offsets)


def cp_sat(buffers: Sequence[Buffer], capacity: int, minimise: bool, *, seconds: float, workers: int) -> Answer:
    """Places buffers by OR-tools' CP-SAT, as rectangles with fixed times that must not overlap."""
    from ortools.sat.python import cp_model  # noqa: PLC0415 - an optional rival, not one of our dependencies

    model, offsets = cp_model.CpModel(), dict.fromkeys((buffer.name for buffer in buffers), 0)
    made: list[tuple[str, int, cp_model.IntVar]] = []
    height = model.new_int_var(0, capacity, "height")
    for instance in instances_of(buffers):
        lows = [model.new_int_var(0, capacity // instance.unit - size, "") for size in instance.size]
        spaces = [
            model.new_fixed_size_interval_var(low, size, "") for low, size in zip(lows, instance.size, strict=True)
        ]
        times = [
            model.new_fixed_size_interval_var(start, end - start, "")
            for start, end in zip(instance.start, instance.end, strict=True)
        ]
        model.add_no_overlap_2d(times, spaces)
        for name, low, size in zip(instance.names, lows, instance.size, strict=True):
            model.add(height >= (low + size) * instance.unit)
            made.append((name, instance.unit, low))
    if minimise:
        model.minimize(height)
    solver = cp_model.CpSolver()
    solver.parameters.catch_sigint_signal = False  # it would leave Ctrl-C without Python's handler
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = workers
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Answer(None, capacity + 1)
    bound = int(solver.best_objective_bound) if minimise else 0
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Answer(None, bound)
    return Answer(offsets | {name: unit * solver.value(low) for name, unit, low in made}, bound)


def minimalloc(buffers: Sequence[Buffer], capacity: int, minimise: bool, *, binary: Path, seconds: float) -> Answer:
    """Places buffers by google/minimalloc's program, which states no bound.

    Raises:
        DataFileError: The program failed for another reason than its time limit.
    """
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "in.csv", Path(name) / "out.csv"
        with source.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["id", "lower", "upper", "size"])
            writer.writerows((b.name, b.start, b.end, b.size_bytes) for b in buffers)
        command = [str(binary), f"--capacity={capacity}", f"--input={source}", f"--output={target}"]
        command += [f"--timeout={seconds}s", f"--minimize_capacity={str(minimise).lower()}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - the user names it
        if not target.is_file():
            is_impossible = "NOT_FOUND" in done.stderr
            if not is_impossible and "DEADLINE_EXCEEDED" not in done.stderr:
                raise DataFileError(f"fails: {done.stderr.strip()[:200]}", where=str(binary), fix="Name MiniMalloc.")
            return Answer(None, capacity + 1 if is_impossible and not minimise else 0)
        with target.open(newline="") as stream:
            return Answer({row["id"]: int(row["offset"]) for row in csv.DictReader(stream)})


def cpu_seconds() -> float:
    """Returns the CPU time of this process and of the children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def run(name: str, solver: Solver, instance: Instance, minimise: bool) -> Result:
    """Runs a solver on an instance and checks its placement.

    Raises:
        PlanError: The solver's offsets let buffers collide.
    """
    started = cpu_seconds()
    answer = solver(instance.buffers, instance.capacity_bytes, minimise)
    seconds = cpu_seconds() - started
    height = None
    if answer.offsets is not None:
        height = max(answer.offsets[buffer.name] + buffer.size_bytes for buffer in instance.buffers)
        check_placement(instance.buffers, answer.offsets, height)
    return Result(
        solver=name,
        instance=instance.name,
        cpu_seconds=seconds,
        height_bytes=height,
        lower_bound_bytes=answer.lower_bound_bytes,
        fits=height is not None and height <= instance.capacity_bytes,
        proven=height is not None and height == answer.lower_bound_bytes,
    )


def compare(
    instances: Sequence[Instance], solvers: Mapping[str, Solver], *, minimise: bool, rounds: int
) -> list[Result]:
    """Runs all solvers on all instances in turns. The answer of the first round counts, with the median time."""
    runs: dict[tuple[str, str], list[Result]] = {}
    for round_ in range(rounds):
        for instance in instances:
            for name, solver in solvers.items():
                with progress_console.status(f"round {round_ + 1}: {name} on {instance.name}"):
                    runs.setdefault((instance.name, name), []).append(run(name, solver, instance, minimise))
    return [
        results[0].model_copy(update={"cpu_seconds": statistics.median(each.cpu_seconds for each in results)})
        for results in runs.values()
    ]


def orders(folder: Path) -> list[OrderResult]:
    """Runs our order search on the graphs of `folder`, whose optimum is known."""
    found: list[OrderResult] = []
    for path in sorted(folder.glob("*.json")):
        problem = read_graph(path)
        started = cpu_seconds()
        order = best_order(problem, node_budget=DEFAULT_ORDER_NODES)
        found.append(
            OrderResult(
                graph=path.stem,
                cpu_seconds=cpu_seconds() - started,
                peak_bytes=order.peak_bytes,
                lower_bound_bytes=order.lower_bound_bytes,
                optimal_peak_bytes=json.loads(path.read_text(encoding="utf-8"))["optimal_peak"],
            )
        )
    return found


def grown(operators: Sequence[int]) -> list[OrderResult]:
    """Runs our order search on random graphs of every family and of each number of operators."""
    found: list[OrderResult] = []
    for family in FAMILIES:
        for count in operators:
            problem = random_graph(family, count, seed=0)
            started = cpu_seconds()
            order = best_order(problem, node_budget=DEFAULT_ORDER_NODES, meter=Budget(DEFAULT_SECONDS).start())
            found.append(
                OrderResult(
                    graph=f"{family} {count}",
                    cpu_seconds=cpu_seconds() - started,
                    peak_bytes=order.peak_bytes,
                    lower_bound_bytes=order.lower_bound_bytes,
                    optimal_peak_bytes=None,
                )
            )
    return found


def warm_up(instance: Instance) -> float:
    """Loads the compiled search core and returns the CPU seconds. The first time on a machine, it is compiled."""
    started = cpu_seconds()
    ours(instance.buffers, instance.capacity_bytes, minimise=False)
    return cpu_seconds() - started


def show(comparison: Comparison) -> None:
    """Prints the tables."""
    solvers = [*dict.fromkeys(result.solver for result in comparison.placements)]
    aim = "smallest height" if comparison.minimise else "any height within the capacity"
    grid = table(f"Placement, {aim}: CPU s, height, bound", "instance", *solvers)
    rows: dict[str, list[Result]] = {}
    for result in comparison.placements:
        rows.setdefault(result.instance, []).append(result)
    for instance, results in rows.items():
        grid.add_row(instance, *map(_cell, results))
    grid.add_section()
    grid.add_row("total", *(_total([r for r in comparison.placements if r.solver == name]) for name in solvers))
    console.print(grid)
    console.print(
        f"* proven smallest. CPU time, median of {comparison.rounds}; loading our machine code took "
        f"{comparison.warm_up_seconds:.2f} s more, once.",
        highlight=False,
    )
    if comparison.orders:
        _show_orders(comparison)


def _show_orders(comparison: Comparison) -> None:
    grid = table("Order: CPU s and peak of live bytes", "graph", "CPU s", "ours", "bound", "known optimum")
    for order in comparison.orders:
        figures = (order.peak_bytes, order.lower_bound_bytes, order.optimal_peak_bytes or "")
        grid.add_row(order.graph, f"{order.cpu_seconds:.2f}", *map(str, figures))
    grid.add_section()
    grid.add_row("total", f"{sum(order.cpu_seconds for order in comparison.orders):.2f}")
    console.print(grid)


def show_ablation(comparison: Comparison) -> None:
    """Prints a line for each idea, with the results of the planner without it."""
    grid = table(
        "Placement with one idea off", "planner", "CPU s", "fit", "proven", "height over the best", "not fitting"
    )
    best: dict[str, int] = {}
    for result in comparison.placements:
        if result.height_bytes is not None:
            best[result.instance] = min(result.height_bytes, best.get(result.instance, result.height_bytes))
    for name in dict.fromkeys(result.solver for result in comparison.placements):
        results = [result for result in comparison.placements if result.solver == name]
        over = [(each.height_bytes or 0) / best[each.instance] - 1 for each in results]
        grid.add_row(
            name,
            f"{sum(each.cpu_seconds for each in results):.2f}",
            f"{sum(each.fits for each in results)} of {len(results)}",
            str(sum(each.proven for each in results)),
            f"{sum(over) / len(over):.2%}",
            " ".join(each.instance.partition(".")[0] for each in results if not each.fits),
        )
    console.print(grid)


def _cell(result: Result) -> str:
    height = "none" if result.height_bytes is None else f"{result.height_bytes}"
    bound = "*" if result.proven else f" >={result.lower_bound_bytes}" if result.lower_bound_bytes else ""
    return f"{result.cpu_seconds:.2f}  {height}{bound}"


def _total(results: Sequence[Result]) -> str:
    return f"{sum(r.cpu_seconds for r in results):.2f}  {sum(r.fits for r in results)} of {len(results)} fit"


def _has_ortools() -> bool:
    if importlib.util.find_spec("ortools") is None:
        progress_console.print("CP-SAT is left out: `pip install ortools` brings it.", highlight=False)
        return False
    return True


def _rivals(binary: Path | None, seconds: float, workers: int) -> dict[str, Solver]:
    """Returns our planner and the others: MiniMalloc if its program is named, CP-SAT if it is installed and wanted."""
    solvers: dict[str, Solver] = {"ours": ours, "greedy by size": greedy_by_size}
    if binary:
        solvers["MiniMalloc"] = partial(minimalloc, binary=binary.absolute(), seconds=seconds)
    if workers and _has_ortools():
        solvers[f"CP-SAT x{workers}"] = partial(cp_sat, seconds=seconds, workers=workers)
    return solvers


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--minimalloc", "binary", type=click.Path(exists=True, path_type=Path), help="MiniMalloc's program.")
@click.option("--minimise", is_flag=True, help="Look for the smallest height instead of any within the capacity.")
@click.option("--seconds", default=60.0, show_default=True, help="Time limit of CP-SAT and MiniMalloc, an instance.")
@click.option("--workers", default=1, show_default=True, help="Threads of CP-SAT; 0 leaves it out.")
@click.option("--rounds", default=1, show_default=True, help="Runs of each solver on each instance.")
@click.option("--operators", type=int, multiple=True, help="Also order random graphs of this size; repeatable.")
@click.option("--ablate", is_flag=True, help="Compare our planner with itself, each of its ideas off in turn.")
@json_option
def main(  # noqa: PLR0913 - one argument an option
    *,
    folder: Path,
    binary: Path | None,
    minimise: bool,
    seconds: float,
    workers: int,
    rounds: int,
    operators: tuple[int, ...],
    ablate: bool,
    json_target: str | None,
) -> None:
    """Compares the planners on FOLDER/minimalloc/NAME.CAPACITY.csv and FOLDER/schedules/*.json."""
    instances = [
        Instance(path.stem, read_buffers(path), int(path.stem.rpartition(".")[2]))
        for path in sorted((folder / "minimalloc").glob("*.csv"))
    ]
    if not instances:
        raise click.BadParameter(f"{folder / 'minimalloc'} holds no NAME.CAPACITY.csv")
    solvers = ablated() if ablate else _rivals(binary, seconds, workers)
    result = Comparison(
        minimise=minimise,
        rounds=rounds,
        warm_up_seconds=warm_up(max(instances, key=lambda each: len(each.buffers))),
        placements=compare(instances, solvers, minimise=minimise, rounds=rounds),
        orders=[] if ablate else [*orders(folder / "schedules"), *grown(operators)],
    )
    emit(result, json_target, lambda: (show_ablation if ablate else show)(result))


if __name__ == "__main__":
    main()
