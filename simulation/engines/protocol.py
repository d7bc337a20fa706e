"""What an engine is asked and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage


class Verdict(Enum):
    """Why a run stopped."""

    FINISHED = "finished"
    BUDGET_EXCEEDED = "budget exceeded"
    FAULT = "fault"
    BAD_MEMORY_ACCESS = "bad memory access"
    ISA_VIOLATION = "ISA violation"
    ENGINE_DIED = "engine died"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run of a firmware.

    Attributes:
        image: The firmware.
        board: Its core and memories; nothing else is mapped but the system control space.
        writes: Bytes put into RAM before the first instruction, by address (inputs, poison).
        reads: Memory to return after the run: name -> (address, size).
        phases: Addresses that begin a new phase when first reached, in order.
        stop_address: Reaching it finishes the run.
        budget_instructions: More than this ends the run with BUDGET_EXCEEDED.
    """

    image: FirmwareImage
    board: Board
    writes: Mapping[int, bytes]
    reads: Mapping[str, tuple[int, int]]
    phases: tuple[int, ...]
    stop_address: int
    budget_instructions: int


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What happened.

    Attributes:
        verdict: Why it stopped.
        detail: For anything but FINISHED: address and symbol, in words.
        profile: Executions per instruction and phase.
        memory: The bytes asked for in `reads`.
        stack_used_bytes: High-water mark of the stack section, by paint.
        seconds: Wall time of the emulation itself.
        engine: e.g. "unicorn".
        engine_version: e.g. "2.1.4".
    """

    verdict: Verdict
    detail: str
    profile: Profile
    memory: Mapping[str, bytes]
    stack_used_bytes: int
    seconds: float
    engine: str
    engine_version: str


class Engine(Protocol):
    """Runs an ELF on an emulated core."""

    @property
    def name(self) -> str:
        """Its name in results."""
        ...

    @property
    def version(self) -> str:
        """Its version in results."""
        ...

    def run(self, request: RunRequest) -> RunResult:
        """Run until the stop address, a fault or the budget.

        Raises:
            EngineError: The engine itself cannot be started.
        """
        ...

    def close(self) -> None:
        """End what it started; a later run starts it again."""
        ...
