"""Writes the task of BlockCounter.cs, and reads its table."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.counting.counts import NOWHERE, BlockCounts

PLUGIN = Path(__file__).with_name("BlockCounter.cs")
_MAGIC = b"SMCUBLK1"
_HEADER = struct.Struct("<8siiQQQQ")
_ENTRY = np.dtype([("phase", "<i4"), ("halfword", "<i4"), ("difference", "<i8"), ("exits", "<u8")])


class Cause(IntEnum):
    """Tells why the counter stopped counting. The numbers are those of BlockCounter.cs."""

    RUNNING = 0
    ENDED = 1
    NOT_CODE = 2


@dataclass(frozen=True, slots=True)
class Task:
    """Tells what to count.

    Attributes:
        code_start: Address of the first byte of code.
        code: All code, contiguous. A block elsewhere stops the run.
        phases: Addresses that begin a new phase when they are first reached, in order.
        stop_address: Reaching it ends the count.
        fault_address: Reaching it ends the count, too; None if the firmware has no such place.
    """

    code_start: int
    code: bytes
    phases: tuple[int, ...]
    stop_address: int
    fault_address: int | None

    def to_bytes(self) -> bytes:
        """Returns the task as BlockCounter.cs reads it."""
        fault = NOWHERE if self.fault_address is None else self.fault_address
        head = struct.pack("<QQQi", self.code_start, self.stop_address, fault, len(self.phases))
        phases = struct.pack(f"<{len(self.phases)}Q", *self.phases)
        return head + phases + struct.pack("<i", len(self.code)) + self.code


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Holds what was counted.

    Attributes:
        counts: Differences and exits.
        phase: The phase in which the run ended.
        cause: Why counting stopped.
        last_block: Addresses of the begin and the end of the last block that was entered.
        stopped_at: The address outside the code, if the cause is NOT_CODE.
        instructions: Instructions of all blocks that were entered.
    """

    counts: BlockCounts
    phase: int
    cause: Cause
    last_block: tuple[int, int]
    stopped_at: int
    instructions: int


def read_table(data: bytes, task: Task) -> Table:
    """Reads what BlockCounter.cs dumped.

    Raises:
        EngineError: The table is damaged or does not belong to the task.
    """
    body = len(data) - _HEADER.size
    if body < 0 or body % _ENTRY.itemsize or not data.startswith(_MAGIC):
        raise EngineError(f"the table of counts is damaged ({len(data)} bytes)", where="renode", fix="Run it again.")
    _, phase, cause, begin, end, stopped_at, instructions = _HEADER.unpack_from(data)
    entries = np.frombuffer(data, _ENTRY, offset=_HEADER.size)
    counts = BlockCounts.empty(task.code_start, task.code, len(task.phases) + 1)
    rows, width = counts.differences.shape
    outside = (entries["phase"] < 0) | (entries["phase"] >= rows) | (entries["halfword"] < 0)
    if (outside | (entries["halfword"] >= width)).any():
        raise EngineError("the table of counts belongs to other code", where="renode", fix="Run it again.")
    counts.differences[entries["phase"], entries["halfword"]] = entries["difference"]
    counts.exits[entries["phase"], entries["halfword"]] = entries["exits"]
    return Table(counts, phase, Cause(cause), (begin, end), stopped_at, instructions)
