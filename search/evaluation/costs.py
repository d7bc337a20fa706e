"""Measures what a candidate costs on its board."""

from pathlib import Path

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.evaluator import CostEvaluator
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions


def emulated_cost(target: Target, options: BuildOptions, tools: Tools) -> CostEvaluator:
    """Returns a function that builds a candidate's firmware and runs it on the emulated core.

    Args:
        target: Where candidates must run.
        options: How their firmware is made.
        tools: The compiler and the emulator that the target names, ready to use.
    """

    def cost(path: Path, directory: Path) -> SimulationReport:
        return simulate_model(path, target, options, directory=directory, tools=tools)

    return cost
