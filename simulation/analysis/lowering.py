"""Lowers a model to firmware sources for a board, before any compiler runs."""

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


@dataclass(frozen=True, slots=True, eq=False)
class LoweredModel:
    """A model as firmware sources for a board, before any compiler.

    Attributes:
        graph: The lowered network.
        board: The board it was lowered for.
        source: Sources, plan and predicted section sizes.
    """

    graph: Graph
    board: Board
    source: FirmwareSource

    @property
    def options(self) -> BuildOptions:
        """What it was made with."""
        return self.source.options

    @property
    def info(self) -> ModelInfo:
        """Name and hash for results."""
        return ModelInfo(name=self.graph.name, sha256=self.graph.sha256)

    @property
    def memory(self) -> MemoryReport:
        """The plan, for results."""
        return memory_report(self.graph, self.source.plan, self.options.levers)


def lower_model(model: Model, board: Board, options: BuildOptions = DEFAULTS) -> LoweredModel:
    """Read a model, choose its kernels, plan its memory and generate its firmware.

    Args:
        model: An int8 QDQ ONNX file, or the model itself.
        board: The board.
        options: What kernels are chosen by, what may be done to make the arena smaller, how the network is called.

    Raises:
        ModelError: The model is not one that the gate admits.
    """

    def lowered(graph: Graph) -> LoweredModel:
        return LoweredModel(graph, board, generate_firmware(graph, board, options))

    is_folded = options.levers.folded_pads
    first = lowered(load_graph(model, pads_folded=is_folded))
    if not (is_folded and first.source.plan.streams):
        return first
    # A stream copies the rows of a map that it reads through a border; behind a Pad that is a step it does not.
    unfolded = load_graph(model, pads_folded=False)
    if len(unfolded.operators) == len(first.graph.operators):
        return first
    return min(first, lowered(unfolded), key=lambda each: each.source.plan.arena_bytes)


def planning_problem(lowered: LoweredModel) -> MemoryProblem:
    """What was planned, before the planner's own choices: each Concat that can be is a view, nothing is streamed."""
    kernels = lowered.source.kernels  # a streamed operator's may take its rows only
    chosen = select_kernels(lowered.graph, lowered.board.core, kernels=kernels, else_any=True)
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return problem_of(lowered.graph, contracts, lowered.options.levers)
