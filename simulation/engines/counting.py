"""Exact counts from what an emulator tells at block borders; the fast half is counting.c."""

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from costmodel.timing.profile import Profile
from simulation.engines.native import load_native

_WIDE_ENCODING = 0b11101  # the top five bits from which on a Thumb instruction has a second halfword
_NOWHERE = 2**64 - 1


class Cause(IntEnum):
    """Why the counter stopped the engine; as in counting.c."""

    RUNNING = 0
    FAULT_SYMBOL = 1
    BUDGET = 2
    NOT_CODE = 3


class _Counter(ctypes.Structure):
    """`struct counter` of counting.c."""

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
    """What to count.

    Attributes:
        code_start: Address of the first byte of code.
        code: All code, contiguous; anything executed elsewhere stops the run.
        entry: Where execution begins.
        phases: Addresses that begin a new phase when first reached, in order; each must be jumped to or called.
        fault_address: Reaching it stops the run.
        budget_instructions: The run is stopped once it has certainly executed more. The callback counts
            halfwords and stops past twice the budget; `Profile.instructions` then decides exactly.
    """

    code_start: int
    code: bytes
    entry: int
    phases: tuple[int, ...]
    fault_address: int | None
    budget_instructions: int


class BlockCounter:
    """One run's counts, written by the native callback.

    Args:
        task: What to count.
        stop: Address of the emulator's `int stop(void *engine)`.

    Raises:
        EngineError: The native callback cannot be made.
    """

    def __init__(self, task: Counting, stop: int) -> None:
        self._task = task
        rows, width = len(task.phases) + 1, len(task.code) // 2 + 1
        self._counts = np.zeros((rows, width), np.int64)
        self._exits = np.zeros((rows, width), np.uint64)
        self._marks = np.array(task.phases, np.uint64)
        self._state = _Counter(
            stop=stop,
            code_start=task.code_start,
            halfwords=width - 1,
            fault_address=_NOWHERE if task.fault_address is None else task.fault_address,
            limit=2 * task.budget_instructions,
            marks=self._marks.ctypes.data,
            marks_left=len(task.phases),
            counts=self._counts.ctypes.data,
            exits=self._exits.ctypes.data,
            begin=task.entry,
            end=task.entry,
        )
        library = load_native(Path(__file__).with_name("counting.c"))
        self.callback = ctypes.cast(library.count_block, ctypes.c_void_p).value
        self.state_address = ctypes.addressof(self._state)

    @property
    def cause(self) -> Cause:
        """Why the callback stopped the engine."""
        return Cause(self._state.cause)

    @property
    def stopped_at(self) -> int:
        """The address at which it did."""
        return int(self._state.stopped_at)

    @property
    def executed_halfwords(self) -> int:
        """Progress, readable while the engine runs."""
        return int(self._state.executed)

    @property
    def last_block_end(self) -> int:
        """Where the last block that was entered ends."""
        return int(self._state.end)

    @property
    def phase(self) -> int:
        """Index of the current phase."""
        return len(self._task.phases) - int(self._state.marks_left)

    def finish(self, pc: int) -> None:
        """Account for how the run ended, with the program counter at `pc`, which was not executed.

        Within the last block: its rest never ran. Elsewhere: the last block jumped there.
        """
        begin, end = int(self._state.begin), int(self._state.end)
        if begin <= pc < end:
            self._counts[self.phase, self._halfword(end)] += 1
            self._counts[self.phase, self._halfword(pc)] -= 1
        elif pc != end:
            self._exits[self.phase, self._halfword(end)] += np.uint64(1)

    def profile(self) -> Profile:
        """Executions per instruction."""
        halfwords = self._counts.shape[1] - 1
        executed = np.cumsum(self._counts, axis=1)
        lengths = _instruction_lengths(self._task.code, np.flatnonzero(executed.any(axis=0)))
        starts = np.flatnonzero(lengths)
        shape = len(executed), halfwords
        profile = Profile(self._task.code_start, np.zeros(shape, np.uint64), np.zeros(shape, np.uint64))
        profile.executed[:, starts] = executed[:, starts]
        profile.taken[:, starts] = self._exits[:, starts + lengths[starts]]
        return profile

    def _halfword(self, address: int) -> int:
        return (address - self._task.code_start) // 2


def _instruction_lengths(code: bytes, executed: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Halfwords of the instruction that starts at each halfword; 0 where none does or it never ran.

    Args:
        code: All code.
        executed: Indices of the executed halfwords, ascending; each stretch begins with an
            instruction and holds whole instructions.
    """
    encoding = np.frombuffer(code, np.dtype("<u2"))
    wide = ((encoding >> 11) >= _WIDE_ENCODING).tolist()
    lengths = np.zeros(len(encoding), np.int64)
    following = 0
    for halfword in executed.tolist():
        if halfword >= following:
            length = 2 if wide[halfword] else 1
            lengths[halfword] = length
            following = halfword + length
    return lengths
