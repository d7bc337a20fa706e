"""What a candidate costs on its board."""

from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.evaluator import CostEvaluator
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.firmware.choice.costs import DEFAULT, Optimise
from sparse_mcu.simulation.toolchain.protocol import Toolchain


def emulated_cost(toolchain: Toolchain, engine: str, optimise: Optimise = DEFAULT) -> CostEvaluator:
    """Costs by building the firmware and running it on the emulated core."""

    def cost(path: Path, board: Board, directory: Path) -> SimulationReport:
        return simulate_model(path, board, directory=directory, toolchain=toolchain, engine=engine, optimise=optimise)

    return cost
