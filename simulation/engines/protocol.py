"""Defines what an engine is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.timing.memory_system import Hierarchy
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage


class Verdict(Enum):
    """Tells why a run stopped."""

    FINISHED = "finished"
    BUDGET_EXCEEDED = "budget exceeded"
    FAULT = "fault"
    BAD_MEMORY_ACCESS = "bad memory access"
    ISA_VIOLATION = "ISA violation"
    ENGINE_DIED = "engine died"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Describes one run of a firmware.

    Attributes:
        image: The firmware.
        board: Its core and memories. Apart from them, only the system control space is mapped.
        writes: Bytes put into RAM before the first instruction, by address (inputs, poison).
        reads: Memory to return after the run: name -> (address, size).
        phases: Addresses that begin a new phase when they are first reached, in order.
        stop_address: Reaching it finishes the run.
        budget_instructions: Executing more than this ends the run with BUDGET_EXCEEDED.
        hierarchy: The memories to simulate, so that the profile has events; None simulates none. An engine that cannot
            simulate them leaves the events out.
    """

    image: FirmwareImage
    board: Board
    writes: Mapping[int, bytes]
    reads: Mapping[str, tuple[int, int]]
    phases: tuple[int, ...]
    stop_address: int
    budget_instructions: int
    hierarchy: Hierarchy | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """Holds what happened in a run.

    Attributes:
        verdict: Why it stopped.
        detail: Address and symbol in words, for every verdict but FINISHED.
        profile: Executions per instruction and phase.
        memory: The bytes that `reads` asked for.
        stack_used_bytes: High-water mark of the stack section, measured by paint.
        seconds: Wall time of the emulation itself.
        engine: For example "unicorn".
        engine_version: For example "2.1.4".
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
        """The engine's name in results."""
        ...

    @property
    def version(self) -> str:
        """The engine's version in results."""
        ...

    def run(self, request: RunRequest) -> RunResult:
        """Runs until the stop address, a fault or the budget.

        Raises:
            EngineError: The engine itself cannot be started.
        """
        ...

    def close(self) -> None:
        """Ends what the engine started. A later run starts it again."""
        ...
