"""A machine in Renode: made, run, judged; and run once more."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import executable_code
from sparse_mcu.simulation.engines.counting.counts import check_phases
from sparse_mcu.simulation.engines.loading import FAULT_SYMBOL, PAINT, initial_contents, reset_vectors, stack_used_bytes
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode.counter import Table, Task, read_table
from sparse_mcu.simulation.engines.renode.kept import DoubtError, Start, filled, read_start
from sparse_mcu.simulation.engines.renode.monitor import NAME
from sparse_mcu.simulation.engines.renode.platform import mapped_bytes, platform_description
from sparse_mcu.simulation.engines.renode.replay import halt_addresses
from sparse_mcu.simulation.engines.renode.script import (
    INSTRUCTIONS_PER_SECOND,
    RELEASE,
    again_commands,
    load_commands,
    path_text,
    path_token,
)
from sparse_mcu.simulation.engines.renode.session import Session
from sparse_mcu.simulation.engines.renode.transcript import LogLine
from sparse_mcu.simulation.engines.renode.verdict import Ending, is_fatal, judge

_FIRST_SLICE = INSTRUCTIONS_PER_SECOND // 10
_LARGEST_SLICE = INSTRUCTIONS_PER_SECOND
_LOWEST_EXCEPTION_RETURN = 0xFFFFFF00  # what the link register holds in a handler (Armv7-M ARM, B1.5.8)
_STACKED_PC = 24  # offset of the return address in an exception's frame (Armv7-M ARM, B1.5.6)


@dataclass(frozen=True, slots=True)
class _Course:
    """How far a run came.

    Attributes:
        executed: Instructions, by Renode's own count.
        halted: Whether the core is halted.
        logs: What was logged.
        seconds: Wall time of the emulation.
    """

    executed: int
    halted: bool
    logs: tuple[LogLine, ...]
    seconds: float


class Work:
    """A run, as Renode is told of it.

    Args:
        request: The run.

    Raises:
        EngineError: Renode has no such core, or the firmware does not fit the board.
    """

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.platform = platform_description(request.board)
        self.contents = list(_contents(request))
        self.vectors = request.image.sections[".vectors"].address
        self.task = _task(request)

    def make(self, session: Session, profiler: Path | None = None) -> None:
        """Make a machine that is ready to run.

        Args:
            session: Renode, without a machine.
            profiler: Where Renode leaves its own profile; None for none.

        Raises:
            EngineError: Renode refuses something or does not answer.
        """
        folder = session.folder
        board = folder / "board.repl"
        board.write_text(self.platform)
        files: dict[str, int] = {}
        for index, (address, data) in enumerate(self.contents):
            file = folder / f"{index}.bin"
            file.write_bytes(data)
            files[path_token(file)] = address
        for command in load_commands(path_token(board), files, self.vectors, halt_addresses(self.request)):
            session.do(command)
        self._count(session)
        if profiler is not None:
            token = path_token(profiler.absolute())
            profiler.unlink(missing_ok=True)
            session.do(f"machine EnableProfiler {token}")

    def renew(self, session: Session) -> None:
        """Reset and refill a machine that has run the same firmware; `release` makes it ready to run.

        Args:
            session: Renode with that machine.

        Raises:
            EngineError: Renode refuses something or does not answer.
        """
        ram = self.request.board.ram
        file = session.folder / "ram.bin"
        file.write_bytes(filled(ram, self.contents))
        for command in again_commands(path_token(file), ram.origin, self.vectors):
            session.do(command)
        self._count(session)

    def release(self, session: Session) -> None:
        """Let the core of a renewed machine go on.

        Raises:
            DoubtError: It stays halted.
            EngineError: Renode refuses it or does not answer.
        """
        session.do(RELEASE)
        if session.truth("cpu IsHalted"):
            raise DoubtError("the core stays halted")

    def start(self, session: Session) -> Start:
        """How a machine that is ready stands; see `read_start`."""
        return read_start(session, self.request.board, self.contents)

    def ram(self, session: Session) -> bytes:
        """What RAM holds, to the end of its last page.

        Raises:
            EngineError: It cannot be read.
        """
        region = self.request.board.ram
        return session.memory(region.origin, mapped_bytes(region))

    def run(self, session: Session, budget: int, version: str) -> RunResult:
        """Run a machine that is ready, and judge.

        Args:
            session: Renode with the machine.
            budget: More instructions than this end the run.
            version: Renode's.

        Raises:
            EngineError: Renode's count differs from ours, or it refuses something or does not answer.
        """
        course = _emulate(session, budget)
        table = read_table(session.table(), self.task)
        pc = session.number("cpu PC") & ~1
        _settle(table, course, pc)
        profile, request = table.counts.profile(), self.request
        check_phases(request, profile, table.phase, NAME)
        verdict, detail = judge(
            Ending(
                request=request,
                table=table,
                profile=profile,
                pc=pc,
                halted=course.halted,
                logs=course.logs,
                overwritten=_overwritten(session, request, self.contents),
                interrupted=_interrupted(session) if pc == self.task.fault_address else None,
            )
        )
        if verdict is Verdict.FINISHED and profile.instructions != course.executed:
            raise EngineError(
                f"Renode executed {course.executed} instructions, but {profile.instructions} were counted",
                where=NAME,
                fix="This is a defect of sparse-mcu or of this version of Renode: please report it.",
            )
        return RunResult(
            verdict=verdict,
            detail=detail,
            profile=profile,
            memory={name: session.memory(*place) for name, place in request.reads.items()},
            stack_used_bytes=stack_used_bytes(request.image, session.memory),
            seconds=course.seconds,
            engine=NAME,
            engine_version=version,
        )

    def _count(self, session: Session) -> None:
        """Count blocks from now on."""
        file = session.folder / "task.bin"
        file.write_bytes(self.task.to_bytes())
        session.do(f"cpu CountBlocks {path_text(file)}")


def _contents(request: RunRequest) -> Iterator[tuple[int, bytes]]:
    """What fills memory: all that is not empty, and paint on what is mapped past the end of RAM."""
    reset_vectors(request.image)
    yield from ((address, data) for address, data in initial_contents(request) if data)
    ram = request.board.ram
    if slack := mapped_bytes(ram) - ram.size_bytes:
        yield ram.origin + ram.size_bytes, bytes([PAINT]) * slack


def _task(request: RunRequest) -> Task:
    start, code = executable_code(request.image)
    fault = request.image.symbols.get(FAULT_SYMBOL)
    return Task(start, code, request.phases, request.stop_address, fault.address if fault else None)


def _emulate(session: Session, budget: int) -> _Course:
    """Run in slices until the core halts, sleeps or has had time for its budget.

    Slices grow from small, as a halted core costs wall time until its slice is over. The budget is counted in
    time granted: what Renode says was executed begins anew when a firmware resets the device.
    """
    executed, granted, logs, length = 0, 0, list[LogLine](), _FIRST_SLICE
    started = time.perf_counter()
    while True:
        instructions = min(length, budget + 1 - granted)
        logs += session.run_for(instructions, is_fatal)
        granted, length = granted + instructions, min(2 * length, _LARGEST_SLICE)
        before, executed = executed, session.number("cpu ExecutedInstructions")
        halted = session.truth("cpu IsHalted")
        if halted or executed == before or granted > budget or any(is_fatal(log) for log in logs):
            return _Course(executed, halted, tuple(logs), time.perf_counter() - started)


def _settle(table: Table, course: _Course, pc: int) -> None:
    """Account for how the last block ended.

    Blocks are counted when they are entered. One that faulted did not run to its end: the instructions
    that Renode did not execute are taken back. One that did was left by a jump, unless it ran on.
    """
    begin, end = table.last_block
    if begin == end:
        return
    sizes, missing = table.counts.sizes(begin, end), table.instructions - course.executed
    if 0 < missing <= len(sizes):
        table.counts.cut(table.phase, end, end - sum(sizes[-missing:]))
    elif pc != end:
        table.counts.leave(table.phase, end)


def _interrupted(session: Session) -> int | None:
    """Where the exception came from whose handler has just been entered; None if it was called instead."""
    if session.number("cpu LR") < _LOWEST_EXCEPTION_RETURN:
        return None
    frame = session.number("cpu SP")
    return int.from_bytes(session.memory(frame + _STACKED_PC, 4), "little")


def _overwritten(session: Session, request: RunRequest, contents: list[tuple[int, bytes]]) -> int | None:
    """The first byte that changed in flash or past the end of RAM."""
    ram = request.board.ram
    for address, data in contents:
        if not ram.origin <= address < ram.origin + ram.size_bytes:
            now, then = (np.frombuffer(each, np.uint8) for each in (session.memory(address, len(data)), data))
            if (changed := np.flatnonzero(now != then)).size:
                return address + int(changed[0])
    return None
