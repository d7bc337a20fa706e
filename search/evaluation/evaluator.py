"""Runs one trial: trains, quantises and exports a candidate, measures its error, then its cost on the board."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.objectives import Objective, Objectives
from sparse_mcu.search.evaluation.result import Artifacts, CrossCheck, Failure, Result, Stage, Success
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.inference import onnxruntime_classes
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error, is_finite, train
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.network.stages.quantization_aware import fine_tune
from sparse_mcu.search.network.weights_file import load_weights, save_weights
from sparse_mcu.search.space.configuration import NO_LEVERS, Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import build_architecture

CALIBRATION_IMAGES = 512
FAILURE_FILE = "failure.txt"

ProgressCallback = Callable[[Stage, float], None]


class CandidateError(SparseMcuError):
    """A candidate is unusable. Its training diverged, its firmware is wrong, or its report is incomplete."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A trial that gives its weights to a similar network.

    Attributes:
        weights: The file of its float weights.
        share: The share of the recipe's epochs that the other network needs.
    """

    weights: Path
    share: float = 0.3


class CostEvaluator(Protocol):
    """Answers what a model costs on the board of a study."""

    def __call__(self, path: Path, directory: Path) -> SimulationReport:
        """Builds and runs the model at `path`; generated files go to `directory`."""
        ...


class TrialEvaluator(Protocol):
    """Turns a configuration into a result, for the runner."""

    def __call__(
        self, configuration: Configuration, *, seed: int, directory: Path, on_progress: ProgressCallback
    ) -> Result:
        """Evaluates a configuration and leaves its files in `directory`, which exists and is empty."""
        ...


@dataclass(slots=True)
class _Clock:
    """Measures the wall time of each stage; `stage` is the one that is running, or ran last."""

    on_progress: ProgressCallback
    stage: Stage = "training"
    seconds: dict[Stage, float] = field(default_factory=dict)

    @contextmanager
    def time(self, stage: Stage) -> Iterator[None]:
        self.stage = stage
        self.on_progress(stage, 0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluator:
    """Evaluates trials by training a network and running its firmware.

    Attributes:
        dataset: The images to train and validate on; the test images are not touched.
        recipe: How they are trained.
        cost: What they cost on their board.
        fine_tuning: The number of epochs of quantisation-aware training after the calibration.
    """

    dataset: Dataset
    recipe: Recipe
    cost: CostEvaluator
    fine_tuning: int = 0

    def __call__(
        self,
        configuration: Configuration,
        *,
        seed: int,
        directory: Path,
        on_progress: ProgressCallback,
        parent: Parent | None = None,
    ) -> Result:
        """Evaluates a configuration.

        Args:
            configuration: What to train.
            seed: The seed of all random choices.
            directory: The folder of the trial, which exists and is empty.
            on_progress: Called with the stage that runs, and the share of it that is done.
            parent: The trial whose weights the network inherits; None lets it begin with random ones.

        Returns:
            A `Success`, or a `Failure` if any stage raised an error. The traceback is then in FAILURE_FILE.
        """
        clock = _Clock(on_progress)
        try:
            return self._evaluate(configuration, seed, directory, clock, parent)
        except Exception as error:  # noqa: BLE001 - one candidate that breaks a stage must not end the study
            (directory / FAILURE_FILE).write_text(traceback.format_exc(), encoding="utf-8")
            return Failure(stage=clock.stage, error=type(error).__name__, reason=str(error), seconds=clock.seconds)

    def _evaluate(
        self, configuration: Configuration, seed: int, directory: Path, clock: _Clock, parent: Parent | None
    ) -> Success:
        artifacts = Artifacts()
        path, firmware = directory / artifacts.onnx, directory / artifacts.firmware
        _refuse_what_is_not_made(configuration)
        architecture = build_architecture(configuration, self.dataset.task)
        with clock.time("training"):
            network = train(
                architecture,
                self.dataset.train,
                self.recipe if parent is None else self.recipe.shortened(parent.share),
                seed=seed,
                parent=None if parent is None else load_weights(parent.weights, self.dataset.task),
                on_epoch=lambda done, total: clock.on_progress("training", done / total),
            )
            if not is_finite(network):
                raise CandidateError("training diverged: a weight is not finite", where=str(configuration))
            save_weights(network, configuration, directory / artifacts.weights)
        with clock.time("quantization"):
            quantized = quantize(network, self.dataset.train.images[:CALIBRATION_IMAGES])
            if self.fine_tuning:
                quantized = fine_tune(
                    network,
                    quantized,
                    self.dataset.train,
                    self.recipe,
                    seed=seed,
                    epochs=self.fine_tuning,
                    on_epoch=lambda done, total: clock.on_progress("quantization", done / total),
                )
            write_onnx(quantized, path, name=f"{self.dataset.name}_candidate")
        with clock.time("validation"):
            error_before = float_error(network, self.dataset.validation)
            error, check = _errors(path, self.dataset.validation)
        with clock.time("cost"):
            firmware.mkdir()
            report = self.cost(path, firmware)
            (directory / artifacts.report).write_text(report.model_dump_json(indent=2), encoding="utf-8")
            objectives = _objectives(error, report)
        return Success(
            objectives=objectives,
            fits=report.fits,
            float_error=error_before,
            check=check,
            model=report.model,
            toolchain=report.toolchain,
            engine=report.engine,
            artifacts=artifacts,
            seconds=clock.seconds,
        )


def _refuse_what_is_not_made(configuration: Configuration) -> None:
    """Raises an error for a choice that a trial does not carry out, so that it is never silently ignored."""
    choices = {
        "pruning": configuration.pruning is not None,
        "augmentation": configuration.augmentation is not None,
        "levers": configuration.levers != NO_LEVERS,
    }
    for name, is_chosen in choices.items():
        if is_chosen:
            raise CandidateError(f"a trial has no {name} yet", where=describe(configuration), fix="Leave it out.")


def _errors(path: Path, data: Split) -> tuple[float, CrossCheck]:
    """Returns the share of images that the board puts into a wrong class, and onnxruntime's answer as a check."""
    ours, theirs = board_classes(load_graph(path), data.images), onnxruntime_classes(path, data.images)
    check = CrossCheck(
        images=len(data.labels),
        differing=int(np.count_nonzero(ours != theirs)),
        onnxruntime_error=float(np.mean(theirs != data.labels)),
    )
    return float(np.mean(ours != data.labels)), check


def _objectives(error: float, report: SimulationReport) -> Objectives:
    """Joins the error of the integer reference and the costs of a report.

    The error counts as the board's, since the firmware gave the outputs of the integer reference on one input.

    Raises:
        CandidateError: The firmware's outputs differ from the integer reference, or a total is missing.
    """
    if not report.outputs_match_reference:
        raise CandidateError(
            "the firmware's outputs differ from the integer reference",
            where=report.model.name,
            fix="This is a bug: please report it with the model and the report of this trial.",
        )
    if report.ram.total_bytes is None or report.flash.total_bytes is None:
        raise CandidateError("the report has no total of RAM or flash", where=report.model.name)
    return Objectives(
        error=Objective(value=error, fidelity="analysed"),
        ram_bytes=Objective(value=report.ram.total_bytes, fidelity=report.ram.fidelity),
        flash_bytes=Objective(value=report.flash.total_bytes, fidelity=report.flash.fidelity),
        latency_ms=Objective(value=report.latency_ms, fidelity=report.latency_fidelity),
    )
