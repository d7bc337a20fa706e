"""Trains the networks of the table and measures them."""

import time
from dataclasses import dataclass

import numpy as np
import onnx

from sparse_mcu.benchmarks.tabular.rows import BOARDS, SHARES, Costs, Row
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.graph import load_graph
from sparse_mcu.search.data.dataset import Dataset
from sparse_mcu.search.evaluation.evaluator import CALIBRATION_IMAGES
from sparse_mcu.search.evaluation.pricing import plan_model
from sparse_mcu.search.network.board_classes import board_classes
from sparse_mcu.search.network.module import Network
from sparse_mcu.search.network.onnx_file import build_model
from sparse_mcu.search.network.recipe import Recipe
from sparse_mcu.search.network.stages.float_training import float_error, train
from sparse_mcu.search.network.stages.quantization import quantize
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.simulation.firmware.options import DEFAULTS


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """Makes rows.

    Attributes:
        dataset: The images to train and to validate on.
        recipe: How networks are trained.
    """

    dataset: Dataset
    recipe: Recipe

    def row(self, configuration: Configuration, seed: int) -> Row:
        """Trains a network as a trial of a search does, and returns its row.

        Args:
            configuration: The network. It is not pruned.
            seed: The seed of its training.
        """
        validation = self.dataset.validation
        architecture = build_architecture(configuration, self.dataset.task)
        early: list[float] = []

        def look(network: Network) -> None:
            early.append(_rounded(float_error(network, validation)))

        start = time.process_time()
        network = train(
            architecture,
            self.dataset.train,
            self.recipe.with_augmentation(configuration.augmentation),
            seed=seed,
            on_rungs=dict.fromkeys(SHARES, look),
        )
        seconds = time.process_time() - start
        model = build_model(quantize(network, self.dataset.train.spread(CALIBRATION_IMAGES).images), name="candidate")
        classes = board_classes(load_graph(model), validation.images)
        return Row(
            network=describe(configuration),
            seed=seed,
            early_errors=tuple(early),
            float_error=_rounded(float_error(network, validation)),
            error=_rounded(float(np.mean(classes != validation.labels))),
            seconds=round(seconds, 3),
            weights=architecture.weights,
            macs=architecture.macs,
            costs=tuple(costs_of(model, board) for board in BOARDS),
        )


def costs_of(model: onnx.ModelProto, board: str) -> Costs:
    """Returns what an int8 model costs on a board, by its memory plan."""
    figures, outline = plan_model(model, load_board(board), DEFAULTS)
    return Costs(
        arena_bytes=outline.plan.arena_bytes,
        ram_bytes=round(figures.ram_bytes.value),
        flash_bytes=round(figures.flash_bytes.value),
        stored_bytes=round(figures.stored_bytes.value),
        cycles=round(outline.cycles),
    )


def _rounded(share: float) -> float:
    """Returns a share of images without the digits that float32 adds."""
    return round(share, 6)
