"""What an engine counts, independent of how it splits code into blocks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Executions per instruction address and phase: exact, and the same from every engine.

    A phase is a stretch of the run that begins when execution first reaches a marked address
    (a layer's entry); phase 0 is what comes before the first mark.

    Attributes:
        code_start: Address of halfword 0.
        executed: uint64 [phases, halfwords]; how often the instruction at code_start + 2 * i ran.
        taken: uint64 [phases, halfwords]; how often it was followed by something other than the
            instruction after it.
    """

    code_start: int
    executed: npt.NDArray[np.uint64]
    taken: npt.NDArray[np.uint64]

    @property
    def instructions(self) -> int:
        """Instructions executed in all phases."""
        return int(self.executed.sum())
