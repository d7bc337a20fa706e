"""Measures what a candidate costs on its board."""

from dataclasses import replace
from pathlib import Path

from sparse_mcu.costmodel.report import SimulationReport
from sparse_mcu.search.evaluation.protocol import CostEvaluator
from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.simulation.execution.run import simulate_model
from sparse_mcu.simulation.execution.target import Target, Tools
from sparse_mcu.simulation.firmware.options import BuildOptions


def emulated_cost(target: Target, options: BuildOptions, tools: Tools) -> CostEvaluator:
    """Returns a function that builds a candidate's firmware and runs it on the emulated core.

    Args:
        target: Where candidates must run.
        options: How their firmware is made. The levers of a configuration are added to theirs.
        tools: The compiler and the emulator that the target names, ready to use.
    """

    def cost(path: Path, directory: Path, levers: LeverChoice) -> SimulationReport:
        return simulate_model(path, target, with_levers(options, levers), directory=directory, tools=tools)

    return cost


def with_levers(options: BuildOptions, chosen: LeverChoice) -> BuildOptions:
    """Returns build options with the levers of a configuration besides their own.

    Args:
        options: How firmware is made.
        chosen: The levers of one configuration.
    """
    levers = replace(
        options.levers,
        fused_pools=options.levers.fused_pools or chosen.fused_pools,
        streaming=options.levers.streaming or chosen.streaming,
        max_recompute=max(options.levers.max_recompute, chosen.max_recompute),
    )
    return replace(options, levers=levers)
