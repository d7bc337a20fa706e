"""Defines the report of `prune`: a network pruned in several ways, beside smaller ones, as `--json` writes it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import SCHEMA_VERSION, ModelInfo, SimulationReport, ToolInfo
from sparse_mcu.search.evaluation.result import Success, WeightCounts
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.results.held_out import HeldOutError
from sparse_mcu.search.results.training import Accuracy
from sparse_mcu.search.space.configuration import Configuration, PruningKind
from sparse_mcu.search.space.description import describe

Line = Literal["unpruned"] | PruningKind
"""A line of the picture: networks that were not pruned (the network itself and smaller ones), or a kind of pruning."""


class PrunedNetwork(Record):
    """One network of the comparison.

    Attributes:
        network: The network in its text form, with its pruning.
        line: How it was pruned.
        strength: The strength of the pruning; None without pruning.
        accuracy: The accuracy before pruning, before quantisation and on the board.
        weight_counts: The weights before and after pruning.
        weights_bytes: The weights as the firmware stores them, with the indices of sparse ones.
        stored_bytes: The weights, and all other constants: biases, factors of the rescaling, lists of features.
        flash_bytes: The total flash.
        ram_bytes: The total RAM.
        latency_ms: The time of one inference in milliseconds.
        fits: Whether the board's memories hold it.
        model: The name and the hash of its ONNX file.
        folder: The folder of its files; None if they were not kept.
    """

    network: str
    line: Line
    strength: float | None
    accuracy: Accuracy
    weight_counts: WeightCounts | None
    weights_bytes: int
    stored_bytes: int
    flash_bytes: int
    ram_bytes: int
    latency_ms: float
    fits: bool
    model: ModelInfo
    folder: str | None

    @property
    def error(self) -> float:
        """Returns the error on the test images; on the validation images if the test images were left alone."""
        accuracy = self.accuracy
        return 1 - (accuracy.validation if accuracy.test is None else accuracy.test)


class PruningReport(Record):
    """The report of `prune`.

    Attributes:
        network: The network that was pruned, in its text form.
        dataset: The name of the dataset.
        dataset_fingerprint: The sha256 of its images and labels in their three parts.
        board: The board.
        toolchain: The compiler.
        engine: The emulator.
        seed: The seed of all random choices.
        recipe: How networks were trained; pruning follows from it.
        rows: The networks, in the order in which they were made.
        complete: Whether all networks were made. False if the user stopped the command.
    """

    schema_version: int = SCHEMA_VERSION
    kind: Literal["pruning"] = "pruning"
    project_version: str = __version__
    network: str
    dataset: str
    dataset_fingerprint: str
    board: str
    toolchain: ToolInfo
    engine: ToolInfo
    seed: Annotated[int, Field(ge=0)]
    recipe: Recipe
    rows: list[PrunedNetwork]
    complete: bool


def make_row(
    configuration: Configuration,
    result: Success,
    report: SimulationReport,
    test: HeldOutError | None,
    folder: str | None,
) -> PrunedNetwork:
    """Returns the row of a network.

    Args:
        configuration: The network and its pruning.
        result: The result of its trial.
        report: What it costs; its totals are known.
        test: Its error on the test images; None if it was not measured.
        folder: The folder of its files; None if they are not kept.
    """
    objectives, pruning = result.objectives, configuration.pruning
    return PrunedNetwork(
        network=describe(configuration),
        line="unpruned" if pruning is None else pruning.kind,
        strength=None if pruning is None else pruning.strength,
        accuracy=Accuracy.of(result, test),
        weight_counts=result.weight_counts,
        weights_bytes=report.flash.weights_bytes,
        stored_bytes=int(objectives["stored_size"].value),
        flash_bytes=int(objectives["flash_bytes"].value),
        ram_bytes=int(objectives["ram_bytes"].value),
        latency_ms=objectives["latency_ms"].value,
        fits=result.fits,
        model=result.model,
        folder=folder,
    )


def gain_at_equal_flash(row: PrunedNetwork, rows: Sequence[PrunedNetwork]) -> float | None:
    """Returns how much more accurate a pruned network is than the best unpruned one that takes no more flash.

    The best one is chosen by its validation accuracy, and compared on the test images if they were used.

    Args:
        row: A pruned network.
        rows: All networks.

    Returns:
        The difference of two shares of images; None if no unpruned network is as small.
    """
    rivals = [each for each in rows if each.line == "unpruned" and each.flash_bytes <= row.flash_bytes]
    if not rivals:
        return None
    return max(rivals, key=lambda each: each.accuracy.validation).error - row.error
