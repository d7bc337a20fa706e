"""Lowers a model to firmware sources for a board, before any compiler runs."""

from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.graph import Graph, load_graph
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers
from sparse_mcu.costmodel.memory.model.plan import MemoryProblem
from sparse_mcu.costmodel.memory.problem.problem import problem_of
from sparse_mcu.costmodel.report import (
    MemoryReport,
    ModelInfo,
)
from sparse_mcu.simulation.analysis.explanation import memory_report
from sparse_mcu.simulation.firmware import generate_firmware
from sparse_mcu.simulation.firmware.choice.costs import DEFAULT, Optimise
from sparse_mcu.simulation.firmware.choice.selection import select_kernels
from sparse_mcu.simulation.firmware.source import PREFIX, FirmwareSource


@dataclass(frozen=True, slots=True, eq=False)
class LoweredModel:
    """A model as firmware sources for a board, before any compiler.

    Attributes:
        graph: The lowered network.
        board: The board it was lowered for.
        source: Sources, plan and predicted section sizes.
        levers: What the plan was allowed to do.
    """

    graph: Graph
    board: Board
    source: FirmwareSource
    levers: Levers = ALL

    @property
    def info(self) -> ModelInfo:
        """Name and hash for results."""
        return ModelInfo(name=self.graph.name, sha256=self.graph.sha256)

    @property
    def memory(self) -> MemoryReport:
        """The plan, for results."""
        return memory_report(self.graph, self.source.plan, self.levers)


def lower_model(
    path: Path, board: Board, optimise: Optimise = DEFAULT, levers: Levers = ALL, prefix: str = PREFIX
) -> LoweredModel:
    """Read a model, choose its kernels, plan its memory and generate its firmware.

    Args:
        path: An int8 QDQ ONNX file.
        board: The board.
        optimise: What kernels are chosen by.
        levers: What may be done to make the arena smaller.
        prefix: Of files, functions and macros.

    Raises:
        ModelError: The model is not one that the gate admits.
    """

    def lowered(graph: Graph) -> LoweredModel:
        source = generate_firmware(graph, board, levers=levers, optimise=optimise, prefix=prefix)
        return LoweredModel(graph, board, source, levers)

    first = lowered(load_graph(path, pads_folded=levers.folded_pads))
    if not (levers.folded_pads and first.source.plan.streams):
        return first
    # A stream copies the rows of a map that it reads through a border; behind a Pad that is a step it does not.
    unfolded = load_graph(path, pads_folded=False)
    if len(unfolded.operators) == len(first.graph.operators):
        return first
    return min(first, lowered(unfolded), key=lambda each: each.source.plan.arena_bytes)


def planning_problem(lowered: LoweredModel) -> MemoryProblem:
    """What was planned, before the planner's own choices: each Concat that can be is a view, nothing is streamed."""
    kernels = lowered.source.kernels  # a streamed operator's may take its rows only
    chosen = select_kernels(lowered.graph, lowered.board.core, kernels=kernels, else_any=True)
    contracts = {name: implementation.contract for name, implementation in chosen.items()}
    return problem_of(lowered.graph, contracts, lowered.levers)
