"""Running firmware in Renode."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import executable_code
from sparse_mcu.simulation.engines.admission import refused
from sparse_mcu.simulation.engines.counting.counts import BlockCounts, check_phases
from sparse_mcu.simulation.engines.loading import FAULT_SYMBOL, PAINT, initial_contents, reset_vectors, stack_used_bytes
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode.counter import Table, Task, read_table
from sparse_mcu.simulation.engines.renode.install import installed_version
from sparse_mcu.simulation.engines.renode.monitor import NAME, NoAnswerError
from sparse_mcu.simulation.engines.renode.platform import mapped_bytes, platform_description
from sparse_mcu.simulation.engines.renode.replay import halt_addresses
from sparse_mcu.simulation.engines.renode.script import INSTRUCTIONS_PER_SECOND, load_commands, path_text, path_token
from sparse_mcu.simulation.engines.renode.session import Session
from sparse_mcu.simulation.engines.renode.transcript import LogLine
from sparse_mcu.simulation.engines.renode.verdict import Ending, is_fatal, judge, judge_logs

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


class RenodeEngine:
    """See `sparse_mcu.simulation.engines.protocol.Engine`.

    Renode is started on first use and kept for further runs; runs of one engine take turns, so a pool
    needs one engine per worker. It ends with `close`, with the engine, or with this process.

    Args:
        program: Renode, as `find_renode` finds it.
        profiler: Where each run leaves Renode's own profile, the last one's stays; None for none.
    """

    name = NAME

    def __init__(self, program: Path, *, profiler: Path | None = None) -> None:
        self._program = program
        self._profiler = profiler
        self._session: Session | None = None
        self._turn = threading.RLock()

    @cached_property
    def version(self) -> str:
        """Renode's version, by `renode --version`; its monitor is not started for it.

        Raises:
            EngineError: It is no Renode, or too old.
        """
        return installed_version(self._program)

    def close(self) -> None:
        """End Renode, if it was started."""
        with self._turn:
            if self._session is not None:
                self._session.close()
                self._session = None

    def run(self, request: RunRequest) -> RunResult:
        """Run until the stop address, a fault or the budget; Ctrl-C ends it at once.

        Raises:
            EngineError: Renode does not start, refuses something, or its count differs from ours.
        """
        with self._turn:
            platform, contents = platform_description(request.board), list(_contents(request))
            version = self.version
            if (refusal := refused(request, NAME, version)) is not None:
                return refusal
            session = self._started()
            try:
                result = self._run(session, request, platform, contents)
                session.do("Clear")
            except NoAnswerError as silence:
                self.close()
                return _given_up(request, silence, version)
            except BaseException:
                self.close()
                raise
            return result

    def _started(self) -> Session:
        if self._session is None:
            self._session = Session(self._program)
        return self._session

    def _run(
        self, session: Session, request: RunRequest, platform: str, contents: list[tuple[int, bytes]]
    ) -> RunResult:
        task = _task(request)
        self._load(session, request, platform, contents, task)
        course = _emulate(session, request.budget_instructions)
        table = read_table(session.table(), task)
        pc = session.number("cpu PC") & ~1
        _settle(table, course, pc)
        profile = table.counts.profile()
        check_phases(request, profile, table.phase, NAME)
        verdict, detail = judge(
            Ending(
                request=request,
                table=table,
                profile=profile,
                pc=pc,
                halted=course.halted,
                logs=course.logs,
                overwritten=_overwritten(session, request, contents),
                interrupted=_interrupted(session) if pc == task.fault_address else None,
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
            engine_version=self.version,
        )

    def _load(
        self, session: Session, request: RunRequest, platform: str, contents: list[tuple[int, bytes]], task: Task
    ) -> None:
        folder = session.folder
        (folder / "board.repl").write_text(platform)
        (folder / "task.bin").write_bytes(task.to_bytes())
        files: dict[str, int] = {}
        for index, (address, data) in enumerate(contents):
            file = folder / f"{index}.bin"
            file.write_bytes(data)
            files[path_token(file)] = address
        vectors = request.image.sections[".vectors"].address
        for command in load_commands(path_token(folder / "board.repl"), files, vectors, halt_addresses(request)):
            session.do(command)
        session.do(f"cpu CountBlocks {path_text(folder / 'task.bin')}")
        if self._profiler is not None:
            token = path_token(self._profiler.absolute())
            self._profiler.unlink(missing_ok=True)
            session.do(f"machine EnableProfiler {token}")


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


def _given_up(request: RunRequest, silence: NoAnswerError, version: str) -> RunResult:
    """The result of a run whose process had to be ended."""
    verdict, detail = judge_logs(request, silence.logs) or (Verdict.ENGINE_DIED, silence.what)
    memory: Mapping[str, bytes] = dict.fromkeys(request.reads, b"")
    return RunResult(verdict, detail, _nothing(request), memory, 0, 0.0, NAME, version)


def _nothing(request: RunRequest) -> Profile:
    start, code = executable_code(request.image)
    return BlockCounts.empty(start, code, len(request.phases) + 1).profile()
