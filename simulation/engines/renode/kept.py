"""A machine that serves a second run of the same firmware: reset, filled anew, and checked before and after.

Renode needs longer to make a machine than to run a small firmware. `machine Reset` clears the core (registers, floating
point, masks, instruction count) and the peripherals, and leaves hooks and memory alone (Renode 1.15.0, 1.15.3, 1.16.0
and 1.16.1: Machine.cs, CortexM.cs, NVIC.cs, MappedMemory.cs, and `cpu_reset` in tlib's arch/arm/helper.c). A halted
core stays halted, so it is released last; then it takes stack pointer and program counter from the vector table.

None of this has to be true. The second result is used only if

- before the run, every register, the count of executed instructions and every byte of flash and RAM reads as on a new
  machine (the new machine itself was read before its run);
- the run finished within the first run's instructions, and each instruction in each phase was executed and left by a
  jump exactly as often as in the first run, on as much stack;
- afterwards, every byte of RAM is what the first run left there, but for bytes that neither run changed.

So it can say nothing that the run on the new machine did not say, except which bytes were never written. Anything else
(other values, a refused command, no answer at all) is a doubt. Then the process is ended, the run is repeated on a new
machine, and the engine keeps no machine any more. A wrong assumption costs time.

The checks do not see registers of peripherals, nor, in Renode 1.15, those of the floating-point unit. They could only
hide a defect of firmware that passes itself a value through one of them across the reset. Generated firmware uses none
(it is compiled with -mfloat-abi=soft and knows no address but its own), and Renode's reset clears them.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sparse_mcu.costmodel.devices.types import Board, MemoryRegion
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode.platform import mapped_bytes
from sparse_mcu.simulation.engines.renode.session import Session

_CORE_STATE = "cpu GetRegistersValues", "cpu ExecutedInstructions"


class DoubtError(EngineError):
    """A machine is not, or does not do, what a new one is or does.

    Args:
        what: In which way.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what, where="renode")


@dataclass(frozen=True, slots=True)
class Start:
    """How a machine stands before the first instruction.

    Attributes:
        core: What Renode prints of registers and instruction count.
        flash: All of it.
        ram: All of it, to the end of its last page.
    """

    core: tuple[tuple[str, ...], ...]
    flash: bytes
    ram: bytes


def read_start(session: Session, board: Board, contents: Iterable[tuple[int, bytes]]) -> Start:
    """How the machine stands now.

    Args:
        session: Renode with a machine that has not run yet.
        board: What the machine is.
        contents: What was put into its memory, with addresses.

    Raises:
        DoubtError: Memory is not empty but for the contents.
        EngineError: Renode does not say.
    """
    core = tuple(session.do(query).lines for query in _CORE_STATE)
    flash, ram = (session.memory(region.origin, mapped_bytes(region)) for region in (board.flash, board.ram))
    placed = list(contents)
    if (flash, ram) != (filled(board.flash, placed), filled(board.ram, placed)):
        raise DoubtError("memory holds something else than what was put there")
    return Start(core, flash, ram)


def filled(region: MemoryRegion, contents: Iterable[tuple[int, bytes]]) -> bytes:
    """All of a memory that is empty but for contents.

    Args:
        region: The memory.
        contents: Addresses and bytes, later ones win; those of other memories are passed over.
    """
    memory = bytearray(mapped_bytes(region))
    for address, data in contents:
        offset = address - region.origin
        if 0 <= offset < len(memory):
            memory[offset : offset + len(data)] = data
    return bytes(memory)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A machine that was new when a run began on it, and is still there after the run finished.

    Attributes:
        request: The run.
        result: What it gave.
        start: How the machine stood before.
        ram: What RAM holds now.
    """

    request: RunRequest
    result: RunResult
    start: Start
    ram: bytes

    def serves(self, request: RunRequest) -> bool:
        """Whether a run is the same one, over other memory."""
        return dataclasses.replace(request, writes=self.request.writes) == self.request

    def check_start(self, start: Start) -> None:
        """Compare how the machine stands before its second run.

        Raises:
            DoubtError: The core does not stand as it did on the new machine.
        """
        if start.core != self.start.core:
            raise DoubtError("registers or counters hold something after a reset")

    def check_end(self, start: Start, result: RunResult, ram: bytes) -> None:
        """Compare what the second run did.

        Args:
            start: How the machine stood before it.
            result: What it gave.
            ram: What RAM holds after it.

        Raises:
            DoubtError: It is not a repetition of the first.
        """
        if result.verdict is not Verdict.FINISHED:
            raise DoubtError(f"the second run ended otherwise: {result.verdict.value} ({result.detail})")
        ours, theirs = result.profile, self.result.profile
        if not (np.array_equal(ours.executed, theirs.executed) and np.array_equal(ours.taken, theirs.taken)):
            raise DoubtError("the second run has other counts")
        if result.stack_used_bytes != self.result.stack_used_bytes:
            raise DoubtError("the second run has another stack")
        before, after = (np.frombuffer(each, np.uint8) for each in (start.ram, ram))
        first_before, first_after = (np.frombuffer(each, np.uint8) for each in (self.start.ram, self.ram))
        unchanged = (after == before) & (first_after == first_before)
        if not (unchanged | (after == first_after)).all():
            raise DoubtError("the second run left other bytes in RAM")
