"""What every engine counts, whatever blocks it splits code into."""

from dataclasses import dataclass, replace
from typing import Self

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
        events: uint64 [kinds, phases, halfwords]; how often an instruction caused each `Event` of the memories. None if
            the memories were not simulated.
    """

    code_start: int
    executed: npt.NDArray[np.uint64]
    taken: npt.NDArray[np.uint64]
    events: npt.NDArray[np.uint64] | None = None

    @property
    def instructions(self) -> int:
        """The number of instructions that ran in all phases."""
        return int(self.executed.sum())

    def with_events(self, events: npt.NDArray[np.uint64]) -> Self:
        """Returns the same profile with events of the memories."""
        return replace(self, events=events)
