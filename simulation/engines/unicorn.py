"""Drives Unicorn, the embedded engine, which pip installs.

Its limits decide how it is driven (unicorn 2.1.4):
- UC_MODE_MCLASS would force a Cortex-M33 whatever model is set, so the mode is plain Thumb.
- It has no interrupt controller, SysTick or DWT. The system control space is plain memory.
- Any exception ends the run, so no handler of the firmware ever runs.
- Its hook sees translation blocks, not basic blocks. The counter does not depend on how code is split.
- Stopping within an IT block loses its state, so a run is never resumed.
- It maps memory in pages of 4 KiB. If a size is not a multiple of that, writes beyond the end are found after the run,
  and reads are not found.
"""

import ctypes
import importlib.metadata
import threading
import time
from dataclasses import dataclass

import numpy as np
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from sparse_mcu.costmodel.devices.types import MemoryRegion
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import describe_address, executable_code
from sparse_mcu.simulation.engines.admission import refused
from sparse_mcu.simulation.engines.counting.counting import BlockCounter, Cause, Counting
from sparse_mcu.simulation.engines.counting.counts import check_phases
from sparse_mcu.simulation.engines.endings import asleep
from sparse_mcu.simulation.engines.hooks import add_native_hook, simulate_memories
from sparse_mcu.simulation.engines.loading import FAULT_SYMBOL, PAINT, initial_contents, reset_vectors, stack_used_bytes
from sparse_mcu.simulation.engines.memories.memories import MemorySimulation
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict

NAME = "unicorn"
_PAGE = 4096
_SYSTEM_CONTROL_SPACE = 0xE0000000, 0x10000
_STALLED_SECONDS = 20.0
_POLL_SECONDS = 1.0
_STOP_REQUESTS = 20
MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m0plus": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
"""The emulator's number of each core."""
_ACCESSES = {
    unicorn_const.UC_MEM_READ_UNMAPPED: "read of unmapped",
    unicorn_const.UC_MEM_WRITE_UNMAPPED: "write to unmapped",
    unicorn_const.UC_MEM_FETCH_UNMAPPED: "execution of unmapped",
    unicorn_const.UC_MEM_READ_PROT: "read of unreadable",
    unicorn_const.UC_MEM_WRITE_PROT: "write to read-only",
    unicorn_const.UC_MEM_FETCH_PROT: "execution of non-executable",
}
_FETCHES = {unicorn_const.UC_MEM_FETCH_UNMAPPED, unicorn_const.UC_MEM_FETCH_PROT}
_EXCEPTIONS = {
    1: "undefined instruction",
    3: "prefetch abort",
    4: "unaligned access",
    7: "breakpoint",
}
_SUPERVISOR_CALL = 2
_ERRORS = {unicorn_const.UC_ERR_INSN_INVALID: "undefined instruction"}


@dataclass(slots=True)
class _Trap:
    """Holds what the hooks saw before the run ended.

    Attributes:
        access: A refused memory access, in words.
        fetched: Whether that access was an instruction fetch.
        exception: An exception number, as Unicorn counts them.
        error: The error code of the emulation; 0 for none.
    """

    access: str = ""
    fetched: bool = False
    exception: int | None = None
    error: int = unicorn_const.UC_ERR_OK


@dataclass(frozen=True, slots=True, eq=False)
class _Session:
    """Holds a loaded core and what watches it.

    The emulating thread keeps it alive, because native code writes to the counter.
    """

    request: RunRequest
    machine: Uc
    counter: BlockCounter
    memories: MemorySimulation | None
    trap: _Trap

    def profile(self) -> Profile:
        """Returns what was counted."""
        profile = self.counter.profile()
        return profile if self.memories is None else profile.with_events(self.memories.events)

    @property
    def pc(self) -> int:
        """The program counter."""
        return int(self.machine.reg_read(arm_const.UC_ARM_REG_PC))

    def memory(self, address: int, size: int) -> bytes:
        """Returns bytes of the machine's memory."""
        return bytes(self.machine.mem_read(address, size))

    def place(self, address: int) -> str:
        """Returns an address, and what lies there, in words."""
        return describe_address(self.request.image, address)

    @property
    def last_block(self) -> str:
        """The end of the last block, in words."""
        return self.place(self.counter.last_block_end - 2)


class UnicornEngine:
    """Runs firmware in Unicorn; see `sparse_mcu.simulation.engines.protocol.Engine`."""

    name = NAME
    version = importlib.metadata.version("unicorn")

    def run(self, request: RunRequest) -> RunResult:
        """Runs until the stop address, a fault or the budget. Ctrl-C ends it. Firmware of another core does not run.

        Raises:
            EngineError: Unicorn has no such core, or the request contradicts the image.
        """
        machine = _load(request)
        if violation := refused(request, self.name, self.version):
            return violation
        counter = _count(machine, request)
        code, phases = executable_code(request.image), len(request.phases) + 1
        memories = simulate_memories(machine, counter, request.hierarchy, code, phases)
        session = _Session(request, machine, counter, memories, _set_traps(machine))
        started = time.perf_counter()
        alive = _emulate(session)
        seconds = time.perf_counter() - started
        if not alive:
            return self._died(session, seconds)
        if session.counter.cause is Cause.RUNNING:
            session.counter.finish(session.pc)
        profile = session.profile()
        check_phases(request, profile, session.counter.phase, NAME)
        verdict, detail = _judge(session, profile)
        return RunResult(
            verdict=verdict,
            detail=detail,
            profile=profile,
            memory={name: session.memory(*place) for name, place in request.reads.items()},
            stack_used_bytes=stack_used_bytes(request.image, session.memory),
            seconds=seconds,
            engine=self.name,
            engine_version=self.version,
        )

    def close(self) -> None:
        """Does nothing, because a run leaves nothing behind."""

    def _died(self, session: _Session, seconds: float) -> RunResult:
        return RunResult(
            verdict=Verdict.ENGINE_DIED,
            detail=f"no progress for {_STALLED_SECONDS:g} s",
            profile=session.profile(),
            memory=dict.fromkeys(session.request.reads, b""),
            stack_used_bytes=0,
            seconds=seconds,
            engine=self.name,
            engine_version=self.version,
        )


def _load(request: RunRequest) -> Uc:
    """Returns a core as after reset: with the board's memories, the firmware in flash, and a painted stack."""
    board = request.board
    if board.core.name not in MODELS:
        known = ", ".join(MODELS)
        raise EngineError(
            f"Unicorn has no core {board.core.name!r}", where=NAME, fix=f"Use a board with one of {known}."
        )
    machine = Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
    machine.ctl_set_cpu_model(MODELS[board.core.name])
    _map(machine, board.flash, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC)
    _map(machine, board.ram, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE)
    machine.mem_map(*_SYSTEM_CONTROL_SPACE, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE)
    for address, data in initial_contents(request):
        machine.mem_write(address, data)
    stack_pointer, entry = reset_vectors(request.image)
    machine.reg_write(arm_const.UC_ARM_REG_SP, stack_pointer)
    machine.reg_write(arm_const.UC_ARM_REG_PC, entry | 1)
    return machine


def _map(machine: Uc, region: MemoryRegion, rights: int) -> None:
    """Maps a memory in whole pages, and paints what lies beyond its end. The paint shows whether it was overwritten."""
    mapped = -(-region.size_bytes // _PAGE) * _PAGE
    machine.mem_map(region.origin, mapped, rights)
    machine.mem_write(region.origin + region.size_bytes, bytes([PAINT]) * (mapped - region.size_bytes))


def _count(machine: Uc, request: RunRequest) -> BlockCounter:
    """Attaches the native counter. That must happen before any code is translated."""
    image = request.image
    start, code = executable_code(image)
    fault = image.symbols.get(FAULT_SYMBOL)
    task = Counting(
        code_start=start,
        code=code,
        entry=reset_vectors(image)[1],
        phases=request.phases,
        fault_address=fault.address if fault else None,
        budget_instructions=request.budget_instructions,
    )
    stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value
    counter = BlockCounter(task, stop or 0)
    add_native_hook(machine, unicorn_const.UC_HOOK_BLOCK, counter.callback, counter.state_address)
    return counter


def _set_traps(machine: Uc) -> _Trap:
    """Records refused accesses and exceptions. These hooks cost nothing until one happens."""
    trap = _Trap()

    def on_access(_: Uc, kind: int, address: int, size: int, _value: int, _data: object) -> bool:
        trap.fetched = kind in _FETCHES
        trap.access = f"{_ACCESSES.get(kind, 'bad access to')} memory at {address:#x} ({size} bytes)"
        return False

    def on_exception(machine: Uc, number: int, _data: object) -> None:
        trap.exception = number
        machine.emu_stop()

    machine.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, on_access)
    machine.hook_add(unicorn_const.UC_HOOK_INTR, on_exception)
    return trap


def _emulate(session: _Session) -> bool:
    """Emulates in a thread, and returns whether the run ended by itself.

    So this thread can be interrupted, and can see that the emulation makes no progress.
    """
    done = threading.Event()  # an interrupted Thread.join takes the thread for dead (cpython issue 90882)
    threading.Thread(target=_work, args=(session, done), name=NAME, daemon=True).start()
    try:
        progress, since = -1, time.monotonic()
        while not done.wait(_POLL_SECONDS):
            executed = session.counter.executed_halfwords
            if executed != progress:
                progress, since = executed, time.monotonic()
            elif time.monotonic() - since > _STALLED_SECONDS:
                return False
    finally:
        _stop(session.machine, done)
    return True


def _stop(machine: Uc, done: threading.Event) -> None:
    """Asks the emulation to stop until it does, or gives up. A single request before the start would be forgotten."""
    for _ in range(_STOP_REQUESTS):
        if done.is_set():
            return
        machine.emu_stop()
        done.wait(_POLL_SECONDS / _STOP_REQUESTS)


def _work(session: _Session, done: threading.Event) -> None:
    """Runs the emulation; this is the body of the emulating thread."""
    try:
        session.machine.ctl_flush_tb()
        session.machine.emu_start(session.pc | 1, session.request.stop_address)
    except UcError as error:
        session.trap.error = error.errno
    finally:
        done.set()


def _judge(session: _Session, profile: Profile) -> tuple[Verdict, str]:
    """Tells why the run ended, and where, by the first cause that applies."""
    return _trapped(session) or _stopped(session) or _asleep(session) or _at_rest(session, profile)


def _trapped(session: _Session) -> tuple[Verdict, str] | None:
    """Recognises a refused access or an exception."""
    trap, at = session.trap, session.place(session.pc)
    if trap.access:
        by = f"jumped to at {session.last_block}" if trap.fetched else f"at {at}"
        return Verdict.BAD_MEMORY_ACCESS, f"{trap.access}, {by}"
    if trap.exception == _SUPERVISOR_CALL:
        return Verdict.FAULT, f"supervisor call at {session.place(session.pc - 2)}"
    if trap.exception is not None:
        return Verdict.FAULT, f"{_EXCEPTIONS.get(trap.exception, f'exception {trap.exception}')} at {at}"
    return None


def _stopped(session: _Session) -> tuple[Verdict, str] | None:
    """Recognises a run that the counter stopped."""
    counter, before = session.counter, session.last_block
    if counter.cause is Cause.FAULT_SYMBOL:
        return Verdict.FAULT, f"{FAULT_SYMBOL} reached from {before}"
    if counter.cause is Cause.NOT_CODE:
        where = session.place(counter.stopped_at)
        return Verdict.BAD_MEMORY_ACCESS, f"execution of {where}, which holds no code, jumped to at {before}"
    if counter.cause is Cause.BUDGET:
        limit = session.request.budget_instructions
        return Verdict.BUDGET_EXCEEDED, f"more than {limit} instructions, the last at {before}"
    return None


def _asleep(session: _Session) -> tuple[Verdict, str] | None:
    """Recognises a core that waits for an event or interrupt, which never comes.

    Unicorn calls WFE an invalid instruction.
    """
    pc = session.pc
    if pc == session.request.stop_address:
        return None
    return asleep(session.request.image, int.from_bytes(session.memory(pc - 2, 2), "little"), pc - 2)


def _at_rest(session: _Session, profile: Profile) -> tuple[Verdict, str]:
    """Judges a run that ended by itself: at its end, or at an instruction that the core does not have."""
    request, error, at = session.request, session.trap.error, session.place(session.pc)
    if error != unicorn_const.UC_ERR_OK:
        return Verdict.FAULT, f"{_ERRORS.get(error, str(UcError(error)))} at {at}"
    if overrun := _overrun(session.machine, request.board.ram):
        return Verdict.BAD_MEMORY_ACCESS, f"write past the end of RAM, at {overrun:#x}"
    if session.pc != request.stop_address:
        return Verdict.ENGINE_DIED, f"stopped without a reason at {at}"
    if profile.instructions > request.budget_instructions:
        return Verdict.BUDGET_EXCEEDED, f"{profile.instructions} instructions instead of {request.budget_instructions}"
    return Verdict.FINISHED, ""


def _overrun(machine: Uc, ram: MemoryRegion) -> int | None:
    """Returns the first written byte between the end of RAM and the end of its last page, or None."""
    end = ram.origin + ram.size_bytes
    slack = np.frombuffer(machine.mem_read(end, -ram.size_bytes % _PAGE), np.uint8)
    written = np.flatnonzero(slack != PAINT)
    return end + int(written[0]) if written.size else None
