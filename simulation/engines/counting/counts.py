"""Turns counts at the borders of blocks into a profile, in the same way for every engine."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.costmodel.timing.thumb import instruction_lengths
from sparse_mcu.simulation.binary.image import describe_address
from sparse_mcu.simulation.engines.protocol import RunRequest

NOWHERE = 2**64 - 1
"""An address that no core reaches. It stands for the fault handler of firmware that has none."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockCounts:
    """Holds executions by difference: +1 where a block begins, -1 where it ends.

    The running sum of the differences is the number of executions of each halfword, however an emulator split the code
    into blocks.

    Example: there are 6 instructions of one halfword each. The run executes 0-1, then three times the loop 2-4, then 5.
    Its blocks are 0-1, 2-4 (three times) and 5. They give the differences +1, 0, 3 - 1, 0, 0, 1 - 3, -1. The running
    sum is 1, 1, 3, 3, 3, 1, 0: the executions. The block that ends at halfword 5 was left twice by a jump, because the
    next block began at 2 instead of 5. So exits[5] is 2, and the branch at 4, which ends there, was taken twice.

    Attributes:
        code_start: Address of the first byte of code.
        code: All code, contiguous.
        differences: int64 [phases, halfwords + 1].
        exits: uint64 [phases, halfwords + 1]: how often a block that ends at a halfword was left by a jump.
    """

    code_start: int
    code: bytes
    differences: npt.NDArray[np.int64]
    exits: npt.NDArray[np.uint64]

    @classmethod
    def empty(cls, code_start: int, code: bytes, phases: int) -> Self:
        """Returns counts without any executions, in `phases` phases."""
        shape = phases, len(code) // 2 + 1
        return cls(code_start, code, np.zeros(shape, np.int64), np.zeros(shape, np.uint64))

    def finish(self, phase: int, last_block: tuple[int, int], pc: int) -> None:
        """Accounts for the end of the run. The instruction at `pc`, the program counter, was not executed.

        If `pc` lies within the last block, the rest of that block never ran. If it lies elsewhere, the last block
        jumped there.
        """
        begin, end = last_block
        if begin <= pc < end:
            self.cut(phase, end, pc)
        elif pc != end:
            self.leave(phase, end)

    def cut(self, phase: int, end: int, pc: int) -> None:
        """Takes back the last block's instructions from `pc` to its end, which never ran."""
        self.differences[phase, self._halfword(end)] += 1
        self.differences[phase, self._halfword(pc)] -= 1

    def leave(self, phase: int, end: int) -> None:
        """Counts a jump out of the last block, which ends at `end`."""
        self.exits[phase, self._halfword(end)] += np.uint64(1)

    def profile(self) -> Profile:
        """Returns the executions of each instruction, and how often it jumped."""
        executed = np.cumsum(self.differences, axis=1)
        lengths = _executed_lengths(self.code, np.flatnonzero(executed.any(axis=0)))
        starts = np.flatnonzero(lengths)
        shape = len(executed), executed.shape[1] - 1
        profile = Profile(self.code_start, np.zeros(shape, np.uint64), np.zeros(shape, np.uint64))
        profile.executed[:, starts] = executed[:, starts]
        profile.taken[:, starts] = self.exits[:, starts + lengths[starts]]
        return profile

    def sizes(self, begin: int, end: int) -> list[int]:
        """Returns the bytes of each instruction from the address `begin` to the address `end`."""
        lengths = instruction_lengths(self.code[begin - self.code_start : end - self.code_start]).tolist()
        sizes, at = list[int](), 0
        while at < len(lengths):
            sizes.append(2 * lengths[at])
            at += lengths[at]
        return sizes

    def _halfword(self, address: int) -> int:
        return (address - self.code_start) // 2


def _executed_lengths(code: bytes, executed: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Returns the halfwords of the instruction that starts at each halfword; 0 if none does or it never ran.

    Args:
        code: All code.
        executed: Indices of the executed halfwords, ascending. Each stretch of them begins with an instruction and
            holds whole instructions.
    """
    possible = instruction_lengths(code).tolist()
    lengths = np.zeros(len(possible), np.int64)
    following = 0
    for halfword in executed.tolist():
        if halfword >= following:
            lengths[halfword] = possible[halfword]
            following = halfword + possible[halfword]
    return lengths


def check_phases(request: RunRequest, profile: Profile, phase: int, engine: str) -> None:
    """Makes sure that no phase was missed. It is missed if its mark lies within a block that ran through it.

    Args:
        request: The run.
        profile: What was counted.
        phase: The phase in which the run ended.
        engine: Name of the engine, for the message.

    Raises:
        EngineError: The next mark was executed, but its phase did not begin.
    """
    if phase == len(request.phases):
        return
    mark = request.phases[phase]
    if profile.executed[phase, (mark - profile.code_start) // 2]:
        raise EngineError(
            f"phase {phase + 1} begins at {describe_address(request.image, mark)}, but execution did not jump there",
            where=engine,
            fix="Begin each phase at an address that execution jumps to, such as a function.",
        )
