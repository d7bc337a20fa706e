"""Counts executions exactly, from what an emulator tells at the borders of blocks. The fast half is counting.c."""

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.engines.counting.counts import NOWHERE, BlockCounts
from sparse_mcu.simulation.engines.counting.native import load_native


class Cause(IntEnum):
    """Tells why the counter stopped the engine. The numbers are those of counting.c."""

    RUNNING = 0
    FAULT_SYMBOL = 1
    BUDGET = 2
    NOT_CODE = 3


class _Counter(ctypes.Structure):
    """Mirrors `struct counter` of counting.c."""

    _fields_ = (
        ("stop", ctypes.c_void_p),
        ("code_start", ctypes.c_uint64),
        ("halfwords", ctypes.c_uint64),
        ("fault_address", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("marks", ctypes.c_void_p),
        ("marks_left", ctypes.c_uint64),
        ("counts", ctypes.c_void_p),
        ("exits", ctypes.c_void_p),
        ("executed", ctypes.c_uint64),
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("stopped_at", ctypes.c_uint64),
        ("cause", ctypes.c_uint32),
    )


@dataclass(frozen=True, slots=True)
class Counting:
    """Tells what to count.

    Attributes:
        code_start: Address of the first byte of code.
        code: All code, contiguous. Execution elsewhere stops the run.
        entry: Where execution begins.
        phases: Addresses that begin a new phase when they are first reached, in order. Execution must jump to each.
        fault_address: Reaching it stops the run.
        budget_instructions: The run is stopped once it has certainly executed more. The callback counts halfwords and
            stops above twice the budget. `Profile.instructions` then decides exactly.
    """

    code_start: int
    code: bytes
    entry: int
    phases: tuple[int, ...]
    fault_address: int | None
    budget_instructions: int


class BlockCounter:
    """Holds the counts of one run, which the native callback writes.

    Args:
        task: What to count.
        stop: Address of the emulator's `int stop(void *engine)`.

    Raises:
        EngineError: The native callback cannot be made.
    """

    def __init__(self, task: Counting, stop: int) -> None:
        self._task = task
        self.counts = BlockCounts.empty(task.code_start, task.code, len(task.phases) + 1)
        self._marks = np.array(task.phases, np.uint64)
        self._state = _Counter(
            stop=stop,
            code_start=task.code_start,
            halfwords=len(task.code) // 2,
            fault_address=NOWHERE if task.fault_address is None else task.fault_address,
            limit=2 * task.budget_instructions,
            marks=self._marks.ctypes.data,
            marks_left=len(task.phases),
            counts=self.counts.differences.ctypes.data,
            exits=self.counts.exits.ctypes.data,
            begin=task.entry,
            end=task.entry,
        )
        library = load_native(Path(__file__).with_name("counting.c"))
        self.callback = ctypes.cast(library.count_block, ctypes.c_void_p).value
        self.state_address = ctypes.addressof(self._state)

    @property
    def marks_left_address(self) -> int:
        """Address of the number of phases to come, a uint64, which the callback decreases."""
        return self.state_address + _Counter.marks_left.offset

    @property
    def cause(self) -> Cause:
        """Why the callback stopped the engine."""
        return Cause(self._state.cause)

    @property
    def stopped_at(self) -> int:
        """The address at which the callback stopped it."""
        return int(self._state.stopped_at)

    @property
    def executed_halfwords(self) -> int:
        """The progress so far; it may be read while the engine runs."""
        return int(self._state.executed)

    @property
    def last_block_end(self) -> int:
        """The end of the last block that was entered."""
        return int(self._state.end)

    @property
    def phase(self) -> int:
        """Index of the current phase."""
        return len(self._task.phases) - int(self._state.marks_left)

    def finish(self, pc: int) -> None:
        """Accounts for the end of the run. The instruction at `pc`, the program counter, was not executed."""
        self.counts.finish(self.phase, (int(self._state.begin), int(self._state.end)), pc)

    def profile(self) -> Profile:
        """Returns the executions of each instruction."""
        return self.counts.profile()
