"""Counts at block borders and the profile that follows from them, the same for every engine."""

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
"""An address that no core reaches: the fault handler of firmware without one."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockCounts:
    """Executions by difference: +1 where a block begins, -1 where it ends.

    A running sum gives the executions of every halfword, however an emulator split the code into blocks.

    Attributes:
        code_start: Address of the first byte of code.
        code: All code, contiguous.
        differences: int64 [phases, halfwords + 1].
        exits: uint64 [phases, halfwords + 1]; how often a block that ends at a halfword was left by a jump.
    """

    code_start: int
    code: bytes
    differences: npt.NDArray[np.int64]
    exits: npt.NDArray[np.uint64]

    @classmethod
    def empty(cls, code_start: int, code: bytes, phases: int) -> Self:
        """No executions, in `phases` phases."""
        shape = phases, len(code) // 2 + 1
        return cls(code_start, code, np.zeros(shape, np.int64), np.zeros(shape, np.uint64))

    def finish(self, phase: int, last_block: tuple[int, int], pc: int) -> None:
        """Account for how the run ended, with the program counter at `pc`, which was not executed.

        Within the last block: its rest never ran. Elsewhere: the last block jumped there.
        """
        begin, end = last_block
        if begin <= pc < end:
            self.cut(phase, end, pc)
        elif pc != end:
            self.leave(phase, end)

    def cut(self, phase: int, end: int, pc: int) -> None:
        """Take back the last block's instructions from `pc` to its end, which never ran."""
        self.differences[phase, self._halfword(end)] += 1
        self.differences[phase, self._halfword(pc)] -= 1

    def leave(self, phase: int, end: int) -> None:
        """Count a jump by the last block, which ends at `end`."""
        self.exits[phase, self._halfword(end)] += np.uint64(1)

    def profile(self) -> Profile:
        """Executions per instruction."""
        executed = np.cumsum(self.differences, axis=1)
        lengths = _executed_lengths(self.code, np.flatnonzero(executed.any(axis=0)))
        starts = np.flatnonzero(lengths)
        shape = len(executed), executed.shape[1] - 1
        profile = Profile(self.code_start, np.zeros(shape, np.uint64), np.zeros(shape, np.uint64))
        profile.executed[:, starts] = executed[:, starts]
        profile.taken[:, starts] = self.exits[:, starts + lengths[starts]]
        return profile

    def sizes(self, begin: int, end: int) -> list[int]:
        """Bytes of each instruction from the address `begin` to the address `end`."""
        lengths = instruction_lengths(self.code[begin - self.code_start : end - self.code_start]).tolist()
        sizes, at = list[int](), 0
        while at < len(lengths):
            sizes.append(2 * lengths[at])
            at += lengths[at]
        return sizes

    def _halfword(self, address: int) -> int:
        return (address - self.code_start) // 2


def _executed_lengths(code: bytes, executed: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Halfwords of the instruction that starts at each halfword; 0 where none does or it never ran.

    Args:
        code: All code.
        executed: Indices of the executed halfwords, ascending; each stretch begins with an
            instruction and holds whole instructions.
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
    """See that no phase was missed because its mark was passed within a block.

    Args:
        request: What was run.
        profile: What was counted.
        phase: The phase in which the run ended.
        engine: Who ran it, for the message.

    Raises:
        EngineError: The next mark was executed, yet its phase did not begin.
    """
    if phase == len(request.phases):
        return
    mark = request.phases[phase]
    if profile.executed[phase, (mark - profile.code_start) // 2]:
        raise EngineError(
            f"phase {phase + 1} begins at {describe_address(request.image, mark)}, which is run through",
            where=engine,
            fix="A phase must begin where execution jumps to, such as a function.",
        )
