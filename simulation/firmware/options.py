"""Defines what a user can ask of a build, as one record that commands hand to the generator."""

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from sparse_mcu.costmodel.memory.model.budget import Budget
from sparse_mcu.costmodel.memory.model.levers import ALL, Levers

Optimise = Literal["speed", "flash", "balanced"]
OPTIMISE: tuple[Optimise, ...] = get_args(Optimise)
DEFAULT: Optimise = "balanced"
PREFIX = "model"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Decides, together with the board and the compiler, which firmware a network becomes.

    To add a build option, add a field here and an option in `sparse_mcu.simulation.cli.options`.

    Attributes:
        optimise: What kernels are chosen for. "speed" wants few cycles and "flash" few bytes of flash. "balanced"
            weighs both and limits the RAM that faster kernels may add (see `choice.planning`).
        levers: What may be done to make the arena smaller.
        budget: What one plan of the memory may take. Without a limit of time, the same network gives the same firmware
            on any machine.
        prefix: How the names of the network's files and functions begin. Macros begin with it in capitals.
    """

    optimise: Optimise = DEFAULT
    levers: Levers = ALL
    budget: Budget = field(default_factory=Budget)
    prefix: str = PREFIX


DEFAULTS: Final = BuildOptions()
