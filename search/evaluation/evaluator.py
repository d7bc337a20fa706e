"""Runs one trial: trains, quantises and exports a candidate, measures its error, then its cost on the board."""

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.search.data.dataset import Dataset, Split
from sparse_mcu.search.evaluation.figures import CandidateError, simulated_figures
from sparse_mcu.search.evaluation.objectives import Objective, objectives_of
from sparse_mcu.search.evaluation.protocol import CostEvaluator, Parent, ProgressCallback
from sparse_mcu.search.evaluation.result import (
    Artifacts,
    CrossCheck,
    Failure,
    Result,
    Rung,
    RungError,
    Stage,
    Stopped,
    Success,
    WeightCounts,
)
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.inference import onnxruntime_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import write_onnx
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.resemblance import resembles
from sparse_mcu.search.network.stages.float_training import RungCallback, float_error, is_finite, train
from sparse_mcu.search.network.stages.pruning.pruning import prune
from sparse_mcu.search.network.stages.quantization import QuantizedNetwork, quantize
from sparse_mcu.search.network.stages.quantization_aware import fine_tune
from sparse_mcu.search.network.weights_file import load_weights, save_weights
from sparse_mcu.search.space.architecture import Architecture
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import build_architecture

CALIBRATION_IMAGES = 512
FAILURE_FILE = "failure.txt"


class _NotWorthIt(Exception):  # noqa: N818 - no error: the trial ends as planned
    """The error at a rung is above its limit."""


@dataclass(slots=True)
class _Clock:
    """Measures the wall time of each stage; `stage` is the one that is running, or ran last.

    It also keeps the errors at the rungs of the training.
    """

    on_progress: ProgressCallback
    stage: Stage = "training"
    seconds: dict[Stage, float] = field(default_factory=dict)
    rungs: list[RungError] = field(default_factory=list)

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
        train: What trains them, as `float_training.train` does. Another function can keep networks that several trials
            share; nobody changes them.
        fine_tuning: The number of epochs of quantisation-aware training after the calibration.
    """

    dataset: Dataset
    recipe: Recipe
    cost: CostEvaluator
    train: Callable[..., Network] = train
    fine_tuning: int = 0

    def __call__(
        self,
        configuration: Configuration,
        *,
        seed: int,
        directory: Path,
        on_progress: ProgressCallback,
        parent: Parent | None = None,
        rungs: Sequence[Rung] = (),
    ) -> Result:
        """Evaluates a configuration.

        Args:
            configuration: What to train.
            seed: The seed of all random choices.
            directory: The folder of the trial, which exists and is empty.
            on_progress: Called with the stage that runs, and the share of it that is done.
            parent: The trial whose weights the network inherits, if they suit it well enough; None lets it begin with
                random ones.
            rungs: Where the training may end early, ascending.

        Returns:
            A `Success`, a `Stopped` if the error at a rung is above its limit, or a `Failure` if any stage raised an
            error. The traceback is then in FAILURE_FILE.
        """
        clock = _Clock(on_progress)
        try:
            return self._evaluate(configuration, seed, directory, clock, parent, rungs)
        except _NotWorthIt as ended:
            return Stopped(stage=clock.stage, reason=str(ended), rungs=tuple(clock.rungs), seconds=clock.seconds)
        except Exception as error:  # noqa: BLE001 - one candidate that breaks a stage must not end the study
            (directory / FAILURE_FILE).write_text(traceback.format_exc(), encoding="utf-8")
            return Failure(stage=clock.stage, error=type(error).__name__, reason=str(error), seconds=clock.seconds)

    def _evaluate(
        self,
        configuration: Configuration,
        seed: int,
        directory: Path,
        clock: _Clock,
        parent: Parent | None,
        rungs: Sequence[Rung],
    ) -> Success:
        artifacts = Artifacts()
        path, firmware = directory / artifacts.onnx, directory / artifacts.firmware
        recipe = self.recipe.with_augmentation(configuration.augmentation)
        architecture = build_architecture(configuration, self.dataset.task)
        with clock.time("training"):
            begun, giver = self._beginning(architecture, recipe, parent)
            network = self.train(
                architecture,
                self.dataset.train,
                begun,
                seed=seed,
                parent=giver,
                on_epoch=lambda done, total: clock.on_progress("training", done / total),
                on_rungs={rung.share: self._look(rung, clock, inherited=giver is not None) for rung in rungs},
            )
            _refuse_divergence(network, configuration)
            save_weights(network, configuration, directory / artifacts.weights)
        unpruned_error = None
        if configuration.pruning is not None:
            with clock.time("pruning"):
                unpruned_error = float_error(network, self.dataset.validation)
                network = prune(
                    network,
                    self.dataset.train,
                    recipe,
                    configuration.pruning,
                    seed=seed,
                    on_epoch=lambda done, total: clock.on_progress("pruning", done / total),
                )
                _refuse_divergence(network, configuration)
        with clock.time("quantization"):
            quantized = quantize(network, self.dataset.train.spread(CALIBRATION_IMAGES).images)
            if self.fine_tuning:
                quantized = fine_tune(
                    network,
                    quantized,
                    self.dataset.train,
                    recipe,
                    seed=seed,
                    epochs=self.fine_tuning,
                    on_epoch=lambda done, total: clock.on_progress("quantization", done / total),
                )
            write_onnx(quantized, path, name=f"{self.dataset.name}_candidate")
        with clock.time("validation"):
            graph = load_graph(path)
            error, check = _error(graph, path, self.dataset.validation)
            before = Objective(value=float_error(network, self.dataset.validation), fidelity="analysed")
        with clock.time("cost"):
            firmware.mkdir()
            report = self.cost(path, firmware, configuration.levers)
            (directory / artifacts.report).write_text(report.model_dump_json(indent=2), encoding="utf-8")
            objectives = objectives_of(replace(simulated_figures(graph, report), error=error, float_error=before))
        return Success(
            objectives=objectives,
            fits=report.fits,
            unpruned_error=unpruned_error,
            weight_counts=_weight_counts(architecture, quantized),
            check=check,
            model=report.model,
            toolchain=report.toolchain,
            engine=report.engine,
            artifacts=artifacts,
            seconds=clock.seconds,
            rungs=tuple(clock.rungs),
        )

    def _beginning(
        self, architecture: Architecture, recipe: Recipe, parent: Parent | None
    ) -> tuple[Recipe, Network | None]:
        """Returns the recipe of a training, and whose weights it begins with: None if the parent's help too little."""
        if parent is not None:
            giver = load_weights(parent.weights, self.dataset.task)
            if resembles(giver, architecture, self.dataset.train):
                return recipe.shortened(parent.share), giver
        return recipe, None

    def _look(self, rung: Rung, clock: _Clock, *, inherited: bool) -> RungCallback:
        """Returns what looks at a network at a rung, and raises `_NotWorthIt` if its error is above the limit."""

        def look(network: Network) -> None:
            error = float_error(network, self.dataset.validation)
            clock.rungs.append(RungError(share=rung.share, error=error, inherited=inherited))
            if rung.stops(error):
                raise _NotWorthIt(rung.reason)

        return look


def _refuse_divergence(network: Network, configuration: Configuration) -> None:
    if not is_finite(network):
        raise CandidateError("training diverged: a weight is not finite", where=str(configuration))


def _weight_counts(trained: Architecture, quantized: QuantizedNetwork) -> WeightCounts:
    stored = [layer.weights.values for layer in quantized.layers if layer.weights is not None]
    return WeightCounts(
        trained=trained.weights,
        stored=sum(values.size for values in stored),
        nonzero=sum(int(np.count_nonzero(values)) for values in stored),
    )


def _error(graph: Graph, path: Path, data: Split) -> tuple[Objective, CrossCheck]:
    """Returns the share of images that the board puts into a wrong class, and onnxruntime's answer as a check.

    The integer reference's classes are the board's, since the firmware must give its outputs.
    """
    ours, theirs = board_classes(graph, data.images), onnxruntime_classes(path, data.images)
    check = CrossCheck(
        images=len(data.labels),
        differing=int(np.count_nonzero(ours != theirs)),
        onnxruntime_error=float(np.mean(theirs != data.labels)),
    )
    return Objective(value=float(np.mean(ours != data.labels)), fidelity="analysed"), check
