"""Runs one call of `prune`: it trains a network once, prunes it in several ways, and trains smaller ones beside it."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli.progress import stage_progress
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.costs import emulated_cost
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.recipe import Recipe, recipe_for
from sparse_mcu.search.network.stages.float_training import train
from sparse_mcu.search.results.held_out import error_on
from sparse_mcu.search.results.pruning import PrunedNetwork, PruningReport, gain_at_equal_flash, make_row
from sparse_mcu.search.results.pruning_plot import save_pruning
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.configuration import Block, Configuration, Pruning
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.text_error import NetworkTextError
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions

REPORT_FILE = "pruning.json"
_SMALLEST_WIDTH = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """The user's request.

    Attributes:
        text: The network in its text form.
        data: The images, by dataset and folder.
        prunings: The ways to prune it.
        smaller: The number of smaller networks to compare with.
        seed: The seed of all random choices.
        epochs: The number of passes over the training images; None for that of the recipe.
        with_test: Whether the errors on the test images are measured too.
        target: Where the networks must run.
        options: How their firmware is made.
    """

    text: str
    data: DataRequest
    prunings: Sequence[Pruning]
    smaller: int
    seed: int
    epochs: int | None
    with_test: bool
    target: Target
    options: BuildOptions


@dataclass(slots=True, eq=False)
class _TrainedOnce:
    """Trains the network that is pruned in several ways only once."""

    architecture: Architecture
    trained: Network | None = None

    def __call__(self, architecture: Architecture, *given: Any, **named: Any) -> Network:  # noqa: ANN401 - as train
        if architecture != self.architecture:
            return train(architecture, *given, **named)
        if self.trained is None:
            self.trained = train(architecture, *given, **named)
        return self.trained


def run_pruning(request: PruneRequest, output: Path | None) -> PruningReport:
    """Compares a network, pruned ones and smaller ones.

    Ctrl-C ends the comparison early, once it has a network; the report then is not complete.

    Args:
        request: What to prune, and for which board.
        output: The folder that gets the report, the picture and the files of each network. It must be missing or
            empty. None keeps none of them.

    Raises:
        SparseMcuError: A name is unknown, a tool or a file is missing, the folder is not empty, the text is unreadable
            or names a pruning of its own, the images are too small for the network, or a stage failed.
    """
    configuration = parse(request.text)
    if configuration.pruning is not None:
        raise NetworkTextError("the text says how to prune", where="network", fix="Leave out its option prune=.")
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SparseMcuError("is not an empty folder", where=str(output), fix="Name another with --output.")
    with progress_console.status(f"loading {request.data.name}"):
        dataset = request.data.load()
        test = dataset.test if request.with_test else None  # files that are missing are named before the training
    architecture = build_architecture(configuration, dataset.task)
    if architecture.flaw:
        fix = "Let fewer layers halve the map, or make kernels smaller."
        raise NetworkTextError(architecture.flaw, where="network", fix=fix)
    recipe = recipe_for(request.data.name).with_epochs(request.epochs)
    with request.target.tools() as tools:
        cost = emulated_cost(request.target, request.options, tools)
        evaluate = Evaluator(dataset, recipe, cost, _TrainedOnce(architecture))
        configurations = list(_configurations(configuration, request))
        rows, complete = _rows(_Bench(evaluate, test, request.seed, output), configurations)
        report = _report(request, dataset, recipe, rows, tools, complete=complete)
    if output is not None:
        write_atomically(output / REPORT_FILE, report.model_dump_json(indent=2))
        save_pruning(report, output)
    return report


def _configurations(configuration: Configuration, request: PruneRequest) -> Iterator[Configuration]:
    """Yields the network, the pruned ones and the smaller ones."""
    yield configuration
    for pruning in request.prunings:
        yield configuration.model_copy(update={"pruning": pruning})
    for step in range(1, request.smaller + 1):
        yield scaled(configuration, _SMALLEST_WIDTH ** (step / request.smaller))


def scaled(configuration: Configuration, factor: float) -> Configuration:
    """Returns a network of the same layers with all widths multiplied by a factor, rounded, at least 1."""

    def narrowed(block: Block) -> Block:
        branch = block.branch
        if branch is not None:
            branch = branch.model_copy(update={"channels": _width(branch.channels, factor)})
        return block.model_copy(update={"channels": _width(block.channels, factor), "branch": branch})

    blocks = tuple(map(narrowed, configuration.blocks))
    hidden = tuple(_width(units, factor) for units in configuration.hidden)
    return configuration.model_copy(update={"blocks": blocks, "hidden": hidden})


def _width(width: int, factor: float) -> int:
    return max(1, round(width * factor))


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """What all networks of a comparison share: the evaluator, the test images if asked for, the seed, the folder."""

    evaluate: Evaluator
    test: Split | None
    seed: int
    output: Path | None


def _rows(bench: _Bench, configurations: Sequence[Configuration]) -> tuple[list[PrunedNetwork], bool]:
    """Returns the rows, and whether there is one for each configuration."""
    rows: list[PrunedNetwork] = []
    try:
        for number, configuration in enumerate(configurations):
            rows.append(_row(bench, configuration, number + 1, len(configurations)))
            progress_console.print(_line(rows[-1]), highlight=False, markup=False)
    except KeyboardInterrupt:
        if not rows:
            raise
        progress_console.print(f"Stopped after {len(rows)} of {len(configurations)} networks.")
    return rows, len(rows) == len(configurations)


def _row(bench: _Bench, configuration: Configuration, number: int, of: int) -> PrunedNetwork:
    text, output = describe(configuration), bench.output
    with tempfile.TemporaryDirectory() as temporary, stage_progress(f"network {number} of {of}, ") as on_progress:
        folder = Path(temporary)
        result = bench.evaluate(configuration, seed=bench.seed, directory=folder, on_progress=on_progress)
        if not isinstance(result, Success):
            raise CandidateError(f"{result.stage} failed: {result.reason}", where=text)
        graph = load_graph(folder / result.artifacts.onnx)
        test = None if bench.test is None else error_on(graph, bench.test)
        report = SimulationReport.model_validate_json((folder / result.artifacts.report).read_bytes())
        kept = None if output is None else output / f"{number:02}"
        if kept is not None:
            shutil.copytree(folder, kept)
    return make_row(configuration, result, report, test, None if kept is None else str(kept))


def _report(
    request: PruneRequest, dataset: Dataset, recipe: Recipe, rows: list[PrunedNetwork], tools: Tools, *, complete: bool
) -> PruningReport:
    toolchain, engine = tools.infos
    return PruningReport(
        network=rows[0].network,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        board=request.target.board.name,
        toolchain=toolchain,
        engine=engine,
        seed=request.seed,
        recipe=recipe,
        rows=rows,
        complete=complete,
    )


def _line(row: PrunedNetwork) -> str:
    return f"{row.network}: {100 * row.accuracy.validation:.2f} % right, {row.flash_bytes:,} B flash"


def show_pruning(report: PruningReport) -> None:
    """Prints the table, and what it says about pruning and smaller networks."""
    with_test = any(row.accuracy.test is not None for row in report.rows)
    shares = ["val.", *(["test"] if with_test else [])]
    title = f"Pruned or smaller, on {report.dataset} and {report.board}: % right, weights, bytes"
    grid = table(title, "network", *shares, "not 0", "stored", "flash", "RAM", "ms", "gain")
    for name, row in zip(_names(report.rows), report.rows, strict=True):
        grid.add_row(name, *_cells(row, report.rows))
    console.print(grid)
    for name, row in zip(_names(report.rows), report.rows, strict=True):
        if row.line == "unpruned":
            console.print(f"{name}: {row.network}", highlight=False, markup=False)
    console.print("stored: bytes of weights, their indices and all other constants.", highlight=False)
    console.print("gain: points more than the best unpruned network that takes no more flash.", highlight=False)
    gains = [gain_at_equal_flash(row, report.rows) for row in report.rows if row.line != "unpruned"]
    known = [gain for gain in gains if gain is not None]
    if known:
        won = sum(gain > 0 for gain in known)
        console.print(f"Pruning beat the smaller networks in {won} of {len(known)} cases.", highlight=False)


def _names(rows: Sequence[PrunedNetwork]) -> list[str]:
    """Returns a short name of each network."""
    names: list[str] = []
    for row in rows:
        smaller = sum(each.startswith("smaller") for each in names) + 1
        unpruned = f"smaller {smaller}" if names else "unpruned"
        names.append(unpruned if row.strength is None else f"{row.line} {row.strength:g}")
    return names


def _cells(row: PrunedNetwork, rows: Sequence[PrunedNetwork]) -> list[str]:
    accuracy, counts, gain = row.accuracy, row.weight_counts, gain_at_equal_flash(row, rows)
    shares = [f"{100 * share:.2f}" for share in (accuracy.validation, accuracy.test) if share is not None]
    nonzero = "" if counts is None else str(counts.nonzero)
    sizes = map(str, (row.stored_bytes, row.flash_bytes, row.ram_bytes))
    shown = "" if row.line == "unpruned" or gain is None else f"{100 * gain:+.2f}"
    return [*shares, nonzero, *sizes, f"{row.latency_ms:.1f}", shown]
