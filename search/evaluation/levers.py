"""Joins the levers that a configuration chooses with those of the build options."""

from dataclasses import replace

from sparse_mcu.search.space.configuration import LeverChoice
from sparse_mcu.simulation.firmware.options import BuildOptions


def with_levers(options: BuildOptions, choice: LeverChoice) -> BuildOptions:
    """Returns build options in which every lever is on that is on in one of the two.

    Args:
        options: The options of a study or a command.
        choice: The levers of a configuration.
    """
    levers = options.levers
    return replace(
        options,
        levers=replace(
            levers,
            fused_pools=levers.fused_pools or choice.fused_pools,
            streaming=levers.streaming or choice.streaming,
            max_recompute=max(levers.max_recompute, choice.max_recompute),
        ),
    )
