"""Counts blocks like BlockCounter.cs, in Python. It is an oracle for that code, and the counter of the stand-in."""

import struct
from collections import defaultdict

_HEAD = struct.Struct("<QQQi")
_RUNNING, _ENDED, _NOT_CODE = 0, 1, 2


class Counting:
    """Counts blocks for a task in BlockCounter.cs's format."""

    def __init__(self, task: bytes) -> None:
        self.start, self.stop, self.fault, marks = _HEAD.unpack_from(task)
        self.marks = struct.unpack_from(f"<{marks}Q", task, _HEAD.size)
        self.code = task[_HEAD.size + 8 * marks + 4 :]
        self.cells: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
        self.phase, self.cause, self.stopped_at, self.total = 0, _RUNNING, 0, 0
        self.last: tuple[int, int] | None = None

    def enter(self, address: int, instructions: int) -> bool:
        """Counts a block that is about to run; returns False if it must not run."""
        if self.cause != _RUNNING:
            return self.cause == _ENDED
        if address in {self.stop, self.fault}:
            self.cause = _ENDED
            return True
        if instructions == 0:
            return True
        if self.last is not None and address != self.last[1]:
            self.cells[self.phase, self._halfword(self.last[1])][1] += 1
        if not self.start <= address < self.start + len(self.code) // 2 * 2:
            self.cause, self.stopped_at = _NOT_CODE, address
            return False
        if self.phase < len(self.marks) and address == self.marks[self.phase]:
            self.phase += 1
        self.last = (address, self._end(address, instructions))
        self.cells[self.phase, self._halfword(self.last[0])][0] += 1
        self.cells[self.phase, self._halfword(self.last[1])][0] -= 1
        self.total += instructions
        return True

    def table(self) -> bytes:
        """Returns the counts in BlockCounter.cs's format."""
        begin, end = self.last or (0, 0)
        head = struct.pack("<8siiQQQQ", b"SMCUBLK1", self.phase, self.cause, begin, end, self.stopped_at, self.total)
        cells = sorted((place, counts) for place, counts in self.cells.items() if any(counts))
        return head + b"".join(struct.pack("<iiqQ", *place, *counts) for place, counts in cells)

    def _end(self, address: int, instructions: int) -> int:
        limit = self.start + len(self.code) // 2 * 2
        while instructions and address < limit:
            address += 4 if self.code[address - self.start + 1] >= 0xE8 else 2
            instructions -= 1
        return min(address, limit)

    def _halfword(self, address: int) -> int:
        return (address - self.start) // 2
