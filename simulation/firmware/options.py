"""What a build is asked for: one record that travels whole from a command to the generator."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from sparse_mcu.costmodel.memory.model.levers import ALL, Levers

Optimise = Literal["speed", "flash", "balanced"]
OPTIMISE: tuple[Optimise, ...] = get_args(Optimise)
DEFAULT: Optimise = "balanced"
PREFIX = "model"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Everything that decides which firmware a network becomes, besides the board and the compiler.

    A new build option is a field here, and an option in `sparse_mcu.simulation.cli.options`.

    Attributes:
        optimise: What kernels are chosen for: cycles, bytes of flash, or both within a twentieth more RAM.
        levers: What may be done to make the arena smaller.
        prefix: What the names of the network's files, functions and macros (in capitals) begin with.
    """

    optimise: Optimise = DEFAULT
    levers: Levers = ALL
    prefix: str = PREFIX


DEFAULTS: Final = BuildOptions()
