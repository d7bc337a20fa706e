"""Lowers a model to firmware sources for a board. No compiler runs."""

import logging
from dataclasses import dataclass

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph, Model, load_graph
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem
from sparse_mcu.costmodel.memory.problem.problem import problem_of
from sparse_mcu.costmodel.report import (
    MemoryReport,
    ModelInfo,
)
from sparse_mcu.simulation.analysis.explanation import memory_report
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.options import DEFAULTS, BuildOptions
from sparse_mcu.simulation.firmware.source import FirmwareSource

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LoweredModel:
    """Holds a model as firmware sources for a board, before any compiler runs.

    Attributes:
        graph: The lowered network.
        board: The board for which it was lowered.
        source: Sources, plan and predicted section sizes.
    """

    graph: Graph
    board: Board
    source: FirmwareSource

    @property
    def options(self) -> BuildOptions:
        """The options that the sources were generated with."""
        return self.source.options

    @property
    def info(self) -> ModelInfo:
        """Name and hash, for reports."""
        return ModelInfo(name=self.graph.name, sha256=self.graph.sha256)

    @property
    def memory(self) -> MemoryReport:
        """The plan, for reports."""
        return memory_report(self.graph, self.source.plan, self.options.levers)


def lower_model(model: Model, board: Board, options: BuildOptions = DEFAULTS) -> LoweredModel:
    """Reads a model, chooses its kernels, plans its memory and generates its firmware.

    If the padding of a model is folded into convolutions, a stream must copy the input rows to add the border. If the
    Pad stays a step of its own, the border exists already, and nothing is copied. So a model with streams is lowered in
    both ways, and the smaller arena wins.

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        board: The board.
        options: How kernels are chosen, what may be done to make the arena smaller, and how the network is called.

    Raises:
        ModelError: The model is not one that the gate admits.
    """

    def lowered(graph: Graph) -> LoweredModel:
        return LoweredModel(graph, board, generate_firmware(graph, board, options))

    is_folded = options.levers.folded_pads
    first = lowered(load_graph(model, pads_folded=is_folded))
    if not (is_folded and first.source.plan.streams):
        return first
    unfolded = load_graph(model, pads_folded=False)
    if len(unfolded.operators) == len(first.graph.operators):
        return first
    second = lowered(unfolded)
    arenas = first.source.plan.arena_bytes, second.source.plan.arena_bytes
    _log.debug("%s has streams: arena of %d bytes with folded pads, %d with unfolded ones", first.graph.name, *arenas)
    return min(first, second, key=lambda each: each.source.plan.arena_bytes)


def planning_problem(lowered: LoweredModel) -> MemoryProblem:
    """Returns the planning problem of a model, before the planner's own choices.

    In it, every Concat that can be a view is one, and nothing is streamed.
    """
    kernels = lowered.source.kernels  # a streamed operator's kernel may take single rows only, hence `else_any`
    chosen = select_kernels(lowered.graph, lowered.board.core, kernels=kernels, else_any=True)
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return problem_of(lowered.graph, contracts, lowered.options.levers)
