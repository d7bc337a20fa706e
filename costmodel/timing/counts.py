"""Derives from a profile how often each instruction was entered, left and mispredicted."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.timing.decode import Instruction

Counts = npt.NDArray[np.int64]

When = Literal["executed", "taken", "not taken", "entered", "unusual"]
WHENS: tuple[When, ...] = get_args(When)


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """How often each of some instructions did what costs cycles.

    Attributes:
        code_start: Address of halfword 0, for messages.
        instructions: The instructions, in the order of their addresses.
        executed: int64 [phases, instructions]; how often each ran.
        taken: int64 [phases, instructions]; how often another instruction than the next one in memory followed.
    """

    code_start: int
    instructions: tuple[Instruction, ...]
    executed: Counts
    taken: Counts

    def count(self, when: When) -> Counts:
        """Returns int64 [phases, instructions] for one of `WHENS`.

        "not taken" counts how often the next instruction in memory followed. "entered" counts how often a jump led
        here. "unusual" counts how often a conditional branch went the way that it goes less often in all phases.
        """
        if when == "executed":
            return self.executed
        if when == "taken":
            return self.taken
        through = self.executed - self.taken
        if when == "not taken":
            return through
        if when == "entered":
            return self.executed - _from_before(through, self.instructions)
        rarer: Counts = np.where(self.taken.sum(axis=0) > through.sum(axis=0), through, self.taken)
        return rarer


def _from_before(through: Counts, instructions: Sequence[Instruction]) -> Counts:
    """How often each instruction ran right after the one before it in memory."""
    adjacent = np.array([False] + [a.next_index == b.index for a, b in itertools.pairwise(instructions)])
    shifted = np.zeros_like(through)
    shifted[:, 1:] = through[:, :-1]
    followed: Counts = shifted * adjacent[: shifted.shape[1]]
    return followed
