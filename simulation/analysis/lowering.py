"""Lowers a model to firmware sources for a board. No compiler runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph, Model, load_graph
from sparse_mcu.costmodel.memory.model.plan import MemoryPlan, MemoryProblem
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

_T = TypeVar("_T")


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

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        board: The board.
        options: How kernels are chosen, what may be done to make the arena smaller, and how the network is called.

    Raises:
        ModelError: The model is not one that the gate admits.
    """
    graph, source = with_leaner_pads(
        model, options, lambda graph: generate_firmware(graph, board, options), lambda source: source.plan
    )
    return LoweredModel(graph, board, source)


def with_leaner_pads(
    model: Model, options: BuildOptions, planned: Callable[[Graph], _T], plan_of: Callable[[_T], MemoryPlan]
) -> tuple[Graph, _T]:
    """Reads a model and plans it, with its padding folded into convolutions or not, whichever needs the smaller arena.

    If the padding of a model is folded into convolutions, a stream must copy the input rows to add the border. If the
    Pad stays a step of its own, the border exists already, and nothing is copied. So a model with streams is lowered in
    both ways, and the smaller arena wins.

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        options: What may be done to make the arena smaller.
        planned: Plans a graph.
        plan_of: Returns the memory plan of its answer.

    Returns:
        The graph, and what `planned` answered for it.

    Raises:
        ModelError: The model is not one that the gate admits.
    """
    is_folded = options.levers.folded_pads
    graph = load_graph(model, pads_folded=is_folded)
    first = graph, planned(graph)
    if not (is_folded and plan_of(first[1]).streams):
        return first
    unfolded = load_graph(model, pads_folded=False)
    if len(unfolded.operators) == len(graph.operators):
        return first
    second = unfolded, planned(unfolded)
    arenas = plan_of(first[1]).arena_bytes, plan_of(second[1]).arena_bytes
    _log.debug("%s has streams: arena of %d bytes with folded pads, %d with unfolded ones", graph.name, *arenas)
    return min(first, second, key=lambda each: plan_of(each[1]).arena_bytes)


def planning_problem(lowered: LoweredModel) -> MemoryProblem:
    """Returns the planning problem of a model, before the planner's own choices.

    In it, every Concat that can be a view is one, and nothing is streamed.
    """
    kernels = lowered.source.kernels  # a streamed operator's kernel may take single rows only, hence `else_any`
    chosen = select_kernels(lowered.graph, lowered.board.core, kernels=kernels, else_any=True)
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return problem_of(lowered.graph, contracts, lowered.options.levers)
