"""What a candidate costs on its board."""

from pathlib import Path

from costmodel.devices.types import Board
from costmodel.report import SimulationReport
from search.evaluation import CostEvaluator
from simulation.firmware.kernels import DEFAULT, Optimise
from simulation.run import simulate_model
from simulation.toolchain.protocol import Toolchain


def emulated_cost(toolchain: Toolchain, engine: str, optimise: Optimise = DEFAULT) -> CostEvaluator:
    """Costs by building the firmware and running it on the emulated core."""

    def cost(path: Path, board: Board, directory: Path) -> SimulationReport:
        return simulate_model(path, board, directory=directory, toolchain=toolchain, engine=engine, optimise=optimise)

    return cost
