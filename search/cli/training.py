"""Runs one call of `train`: it takes a network through the stages of a trial, and shows accuracy and costs."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.cli.console import console, progress_console, table
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.cli.progress import stage_progress
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.data.request import DataRequest
from sparse_mcu.search.evaluation.costs import emulated_cost, with_levers
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.result import Success
from sparse_mcu.search.evaluation.spot_check import spot_check
from sparse_mcu.search.network.recipe import recipe_for
from sparse_mcu.search.results.held_out import error_on, standard_error
from sparse_mcu.search.results.training import Accuracy, TrainingReport
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.text_error import NetworkTextError
from sparse_mcu.simulation.cli.tables import show_simulation
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import BuildOptions

_FIX = (
    "Let fewer layers halve the map, or make kernels smaller. A sum (/add) needs equal channels, heights and widths. A "
    "join (/cat or |) needs equal heights and widths."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """The user's request.

    Attributes:
        text: The network in its text form.
        data: The images, by dataset and folder.
        seed: The seed of all random choices.
        epochs: The number of passes over the training images; None for that of the recipe.
        fine_tuning: The number of passes of quantisation-aware training after that.
        with_test: Whether the error on the test images is measured too.
        target: Where the network must run.
        options: How its firmware is made.
    """

    text: str
    data: DataRequest
    seed: int
    epochs: int | None
    fine_tuning: int
    with_test: bool
    target: Target
    options: BuildOptions


def run_training(request: TrainRequest, output: Path | None) -> TrainingReport:
    """Trains, quantises, exports and simulates one network.

    Args:
        request: What to train, and for which board.
        output: The folder that gets the ONNX file, the firmware and the report of `simulate`. It must be missing or
            empty. None keeps none of them.

    Raises:
        SparseMcuError: A name is unknown, a tool or a file is missing, the folder is not empty, the text is
            unreadable, the images are too small for the network, or a stage failed.
    """
    configuration = parse(request.text)
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SparseMcuError("is not an empty folder", where=str(output), fix="Name another with --output.")
    with progress_console.status(f"loading {request.data.name}"):
        dataset = request.data.load()
        test = dataset.test if request.with_test else None  # files that are missing are named before the training
    flaw = build_architecture(configuration, dataset.task).flaw
    if flaw:
        raise NetworkTextError(flaw, where="network", fix=_FIX)
    with tempfile.TemporaryDirectory() as folder:
        report = _trained(request, configuration, dataset, test, Path(folder), output)
        if output is not None:
            shutil.copytree(folder, output, dirs_exist_ok=True)
    return report


def _trained(
    request: TrainRequest,
    configuration: Configuration,
    dataset: Dataset,
    test_part: Split | None,
    folder: Path,
    output: Path | None,
) -> TrainingReport:
    recipe = recipe_for(request.data.name).with_epochs(request.epochs)
    with request.target.tools() as tools, stage_progress() as on_progress:
        cost = emulated_cost(request.target, request.options, tools)
        evaluate = Evaluator(dataset, recipe, cost, fine_tuning=request.fine_tuning)
        result = evaluate(configuration, seed=request.seed, directory=folder, on_progress=on_progress)
        spots = None
        if test_part is not None and isinstance(result, Success):
            model, options = folder / result.artifacts.onnx, with_levers(request.options, configuration.levers)
            spots = spot_check(model, test_part.images, request.target, options, tools)
    if not isinstance(result, Success):
        raise CandidateError(f"{result.stage} failed: {result.reason}", where=describe(configuration))
    test = error_on(load_graph(folder / result.artifacts.onnx), test_part) if test_part else None
    report = SimulationReport.model_validate_json((folder / result.artifacts.report).read_bytes())
    architecture = build_architecture(configuration, dataset.task)
    return TrainingReport(
        **report.model_dump(exclude={"kind"}),
        network=describe(configuration),
        configuration=configuration,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        seed=request.seed,
        recipe=recipe.with_augmentation(configuration.augmentation),
        weights=architecture.weights,
        weight_counts=result.weight_counts,
        macs=architecture.macs,
        accuracy=Accuracy.of(result, test),
        check=result.check,
        fine_tuning=request.fine_tuning,
        spot_check=spots,
        seconds=result.seconds,
        folder=None if output is None else str(output),
    )


def show_training(report: TrainingReport) -> None:
    """Prints the accuracies, and then what `simulate` prints."""
    accuracy, check = report.accuracy, report.check
    console.print(report.network, markup=False, highlight=False)
    console.print(f"{report.weights:,} weights, {report.macs:,} multiply-accumulates", highlight=False)
    counts = report.weight_counts
    if report.configuration.pruning is not None and counts is not None:
        console.print(f"After pruning: {counts.stored:,} weights, {counts.nonzero:,} of them not zero", highlight=False)
    grid = table(f"Accuracy on {report.dataset}", "images", "right %", "+-", "number")
    rows = [
        ("validation, before pruning", accuracy.unpruned, accuracy.validation_images),
        ("validation, before quantisation", accuracy.float, accuracy.validation_images),
        ("validation", accuracy.validation, accuracy.validation_images),
        ("test", accuracy.test, accuracy.test_images),
    ]
    for name, share, images in rows:
        if share is not None and images is not None:
            error = standard_error(share, images)
            grid.add_row(name, f"{100 * share:.2f}", f"{100 * error:.2f}", f"{images:,}")
    console.print(grid)
    console.print(
        f"{report.recipe.epochs} epochs, seed {report.seed}, {report.seconds['training']:.1f} s; onnxruntime's class "
        f"differs in {check.differing} of {check.images} validation images.",
        highlight=False,
    )
    if report.spot_check is not None:
        spots = report.spot_check
        console.print(
            f"On the emulated core ({spots.engine}), the outputs of {spots.differing} of {spots.images} test images "
            "differ from those of the integer reference.",
            highlight=False,
        )
    show_simulation(report)
    if report.folder is not None:
        console.print(f"The network, its firmware and its report are in {report.folder}.", highlight=False)
