"""Runs one call of `baselines`: it trains the methods one after another, and shows what they reach and take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.costmodel.errors import DatasetError, SparseMcuError, suggestion
from sparse_mcu.costmodel.report import ToolInfo
from sparse_mcu.search.baselines.catalogue import METHODS, Job
from sparse_mcu.search.baselines.kept import kept_result
from sparse_mcu.search.baselines.result import Accuracy, BaselinesReport, MethodResult, OnBoard
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.costs import emulated_cost
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinesRequest:
    """The user's request.

    Attributes:
        data: The images, by dataset and folder.
        methods: The keys of the methods; None for all.
        seed: The seed of all random choices.
        target: Where networks must run.
        options: How their firmware is made.
    """

    data: DataRequest
    methods: tuple[str, ...] | None
    seed: int
    target: Target
    options: BuildOptions


def run_baselines(request: BaselinesRequest) -> BaselinesReport:
    """Trains all methods of a request, unless their results are kept already.

    Raises:
        SparseMcuError: A name is unknown, or a tool or a file is missing.
    """
    names = _known(request.methods)
    with progress_console.status(f"loading {request.data.name}"):
        dataset = request.data.load()
        test, missing = _test_part(dataset)
    with request.target.tools() as tools:
        toolchain, engine = tools.infos
        rows = _run(request, names, _job(request, dataset, test, tools), (toolchain, engine))
    return BaselinesReport(
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        test_fingerprint=None if test is None else dataset.test_fingerprint,
        test_missing=missing,
        board=request.target.board.name,
        toolchain=toolchain,
        engine=engine,
        seed=request.seed,
        project_version=__version__,
        rows=sorted(rows, key=lambda row: row.size.bytes),
    )


def _known(methods: Sequence[str] | None) -> list[str]:
    """Returns the methods once each, in the order of the catalogue.

    Raises:
        SparseMcuError: A name is unknown.
    """
    for name in methods or ():
        if name not in METHODS:
            raise SparseMcuError(
                f"unknown method {name!r}",
                where="--methods",
                fix=f"There are: {', '.join(METHODS)}.{suggestion(name, METHODS)}",
            )
    return [name for name in METHODS if methods is None or name in methods]


def _test_part(dataset: Dataset) -> tuple[Split | None, str]:
    """Returns the test images; or None, and why there are none."""
    try:
        return dataset.test, ""
    except DatasetError as error:
        return None, str(error)


def _job(request: BaselinesRequest, dataset: Dataset, test: Split | None, tools: Tools) -> Job:
    return Job(
        dataset=dataset,
        test=test,
        recipe=recipe_for(request.data.name),
        cost=emulated_cost(request.target, request.options, tools),
        seed=request.seed,
    )


def _run(
    request: BaselinesRequest, names: Sequence[str], job: Job, tools: tuple[ToolInfo, ToolInfo]
) -> list[MethodResult]:
    columns = (TextColumn("{task.fields[title]}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    rows: list[MethodResult] = []
    images = (job.dataset.fingerprint, None if job.test is None else job.dataset.test_fingerprint)
    on_board = (job.recipe.model_dump_json(), repr(request.target.board), tools, request.options)
    with Progress(*columns, console=progress_console, transient=True) as progress:
        task = progress.add_task("", total=len(names), title="")
        for number, name in enumerate(names):
            progress.update(task, completed=number, title=METHODS[name].title)
            facts = repr((name, job.dataset.name, images, job.seed, on_board if METHODS[name].is_network else ()))
            make = partial(_train, name, job, progress, task, number)
            rows.append(kept_result(facts, make))
            progress.console.print(_line(rows[-1]), highlight=False)
    return rows


def _train(name: str, job: Job, progress: Progress, task: TaskID, number: int) -> MethodResult:
    start = time.perf_counter()
    outcome = METHODS[name].run(job, lambda share: progress.update(task, completed=number + share))
    seconds = round(time.perf_counter() - start, 3)
    return MethodResult(
        method=name,
        title=METHODS[name].title,
        seconds=seconds,
        **{field: getattr(outcome, field) for field in type(outcome).model_fields},
    )


def show_baselines(report: BaselinesReport) -> None:
    """Prints the methods by size, and what one must know to read their numbers."""
    grid = table(
        f"Baselines on {report.dataset}",
        "method", "valid. %", "test %", "size B", "RAM B", "setting",
    )  # fmt: skip
    grid.columns[-1].justify = "left"
    for row in report.rows:
        size, ram = (f"{each.bytes:,}{'' if row.on_board else ' ~'}" for each in (row.size, row.ram))
        cells = (_percent(row.validation), _percent(row.test), size, ram, row.setting)
        grid.add_row(row.method, *cells)
    console.print(grid)
    console.print(
        "~ marks what a formula gives (estimated); the JSON states each formula. Sizes are without code. The "
        "validation images also chose the settings.",
        highlight=False,
    )
    if report.test_missing:
        console.print(f"No test images. {report.test_missing}", highlight=False, markup=False)
    for row in report.rows:
        if row.remark:
            console.print(f"{row.method}: {row.remark}.", highlight=False)
        if row.on_board:
            console.print(_about_network(row, row.on_board, report), highlight=False, markup=False)


def _percent(accuracy: Accuracy | None) -> str:
    return "-" if accuracy is None else f"{100 * accuracy.value:.2f}"


def _line(row: MethodResult) -> str:
    test = "" if row.test is None else f", test {row.test.value:.2%}"
    return f"{row.title}: validation {row.validation.value:.2%}{test}, {row.size.bytes:,} B, {row.seconds:.1f} s"


def _about_network(row: MethodResult, board: OnBoard, report: BaselinesReport) -> str:
    return (
        f"{row.method}: {board.network}. On {report.board}: flash {board.flash_bytes:,} B with code, arena "
        f"{board.arena_bytes:,} B, {board.latency_ms:.1f} ms{'' if board.fits else ', does not fit'}. As plain 8-bit "
        f"arrays: weights {board.plain_weights_bytes:,} B; RAM {board.plain_weights_in_ram_bytes:,} B with the weights "
        f"of the largest layer in RAM, {board.plain_weights_in_flash_bytes:,} B with all weights in flash."
    )
