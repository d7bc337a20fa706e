"""LeNet, on our own way from training to the emulated core."""

import tempfile
from collections.abc import Callable
from math import prod
from pathlib import Path

from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.baselines.fitted import ProgressCallback, error_of
from sparse_mcu.search.baselines.result import Accuracy, OnBoard, Outcome, Size
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.evaluator import Evaluator
from sparse_mcu.search.evaluation.figures import CandidateError
from sparse_mcu.search.evaluation.objectives import Objective
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.evaluation.result import STAGES, Stage, Success
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe, parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task

LENET = "conv-5x20/valid/max conv-5x50/valid/max dense-500 dense"
"""LeNet-5 as Caffe's example has it: 431,080 numbers for images of 28x28. Its batch norms vanish in quantisation."""
PADDED = "conv-5x20/max conv-5x50/max dense-500 dense"
"""The same for images that are too small for two convolutions without a border."""

COUNTED = (
    "the firmware's weights, biases, indices and constants, as they lie in flash; RAM: the total of the firmware, "
    "stack included"
)


def lenet_for(task: Task) -> Configuration:
    """Returns LeNet for images of some size: without borders where the images are large enough."""
    plain = parse(LENET)
    return plain if build_architecture(plain, task).is_valid else parse(PADDED)


def plain_arrays(architecture: Architecture) -> tuple[int, int, int]:
    """Returns what a network takes as plain 8-bit arrays, by the models of SpArSe (Fedorov et al., NeurIPS 2019).

    Returns:
        The bytes of all weights (ModelSize); the largest sum of a layer's input and weights (WorkingMemory with weights
        in RAM); the largest sum of a layer's input and output (WorkingMemory with weights in flash).
    """
    with_weights = max(prod(layer.input_shape) + layer.weights for layer in architecture.layers)
    return architecture.weights, with_weights, architecture.working_memory


def evaluate_network(
    configuration: Configuration,
    dataset: Dataset,
    test: Split | None,
    *,
    recipe: Recipe,
    cost: CostEvaluator,
    seed: int,
    on_progress: ProgressCallback,
) -> Outcome:
    """Trains a network as every trial of a search, and reads its costs from its firmware.

    Args:
        configuration: The network.
        dataset: The images to train and to validate on.
        test: The images to test on; None if there are none.
        recipe: How it is trained.
        cost: What it costs on the board.
        seed: The seed of the training.
        on_progress: Called with the share that is done.

    Raises:
        CandidateError: A stage failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evaluate = Evaluator(dataset, recipe, cost)
        result = evaluate(configuration, seed=seed, directory=folder, on_progress=_shares(on_progress))
        if not isinstance(result, Success):
            raise CandidateError(f"{result.stage} failed: {result.reason}", where=describe(configuration))
        report = SimulationReport.model_validate_json((folder / result.artifacts.report).read_bytes())
        tested = None
        if test is not None:
            wrong = error_of(test.labels, board_classes(load_graph(folder / result.artifacts.onnx), test.images))
            tested = Accuracy(value=1 - wrong, images=len(test.labels), fidelity="analysed")
    return _result(configuration, dataset, result, report, tested, recipe)


def _shares(on_progress: ProgressCallback) -> Callable[[Stage, float], None]:
    """Turns the progress of the stages into one share."""

    def report(stage: Stage, share: float) -> None:
        on_progress((STAGES.index(stage) + share) / len(STAGES))

    return report


def _result(
    configuration: Configuration,
    dataset: Dataset,
    result: Success,
    report: SimulationReport,
    test: Accuracy | None,
    recipe: Recipe,
) -> Outcome:
    architecture = build_architecture(configuration, dataset.task)
    weights, in_ram, in_flash = plain_arrays(architecture)
    objectives = result.objectives
    return Outcome(
        validation=Accuracy(
            value=1 - objectives["error"].value, images=result.check.images, fidelity=objectives["error"].fidelity
        ),
        test=test,
        size=_size(objectives["stored_size"]),
        ram=_size(objectives["ram_bytes"]),
        numbers=int(objectives["model_size"].value),
        counted=COUNTED,
        setting=f"{recipe.epochs} epochs",
        trained_on=len(dataset.train.labels),
        on_board=OnBoard(
            flash_bytes=int(objectives["flash_bytes"].value),
            arena_bytes=report.ram.arena_bytes,
            latency_ms=report.latency_ms,
            latency_fidelity=report.latency_fidelity,
            fits=report.fits,
            network=describe(configuration),
            plain_weights_bytes=weights,
            plain_weights_in_ram_bytes=in_ram,
            plain_weights_in_flash_bytes=in_flash,
        ),
    )


def _size(objective: Objective) -> Size:
    return Size(bytes=int(objective.value), fidelity=objective.fidelity)
