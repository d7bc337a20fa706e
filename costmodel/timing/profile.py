"""What every engine counts, whatever blocks it splits code into."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """How often each instruction ran in each phase: exact, and the same from every engine.

    A phase begins when execution first reaches a marked address, which is the entry of a layer. Phase 0 is the time
    before the first mark.

    Attributes:
        code_start: Address of halfword 0.
        executed: uint64 [phases, halfwords]; how often the instruction at code_start + 2 * i ran.
        taken: uint64 [phases, halfwords]; how often another instruction than the next one in memory followed it.
    """

    code_start: int
    executed: npt.NDArray[np.uint64]
    taken: npt.NDArray[np.uint64]

    @property
    def instructions(self) -> int:
        """The number of instructions that ran in all phases."""
        return int(self.executed.sum())
