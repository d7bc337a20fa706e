"""Tells in words why a run in Renode ended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import describe_address
from sparse_mcu.simulation.engines.endings import asleep
from sparse_mcu.simulation.engines.loading import FAULT_SYMBOL
from sparse_mcu.simulation.engines.protocol import RunRequest, Verdict
from sparse_mcu.simulation.engines.renode.counter import Cause, Table
from sparse_mcu.simulation.engines.renode.transcript import LogLine

_BAD_ACCESS = re.compile(
    r"\[cpu: (?P<pc>0x[0-9A-Fa-f]+)\].*?(?P<access>Read|Write)(?P<width>\w*) (?:from|to) non existing peripheral "
    r"at (?P<address>0x[0-9A-Fa-f]+)"
)
_ABORT = re.compile(r"CPU abort \[PC=(?P<pc>0x[0-9A-Fa-f]+)\]: (?P<reason>.*)")
_OUTSIDE = "outside RAM or ROM"
_SUPERVISOR_CALL, _SUPERVISOR_CALL_BYTES = 0xDF, 2
_EXCEPTIONS = {0xBE: "breakpoint", 0xDE: "undefined instruction"}  # by the first byte of their encoding
_ACCESSES = {"Read": "read of", "Write": "write to"}


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """Describes the state in which a run ended.

    Attributes:
        request: The run.
        table: What the counter saw.
        profile: The same, per instruction.
        pc: The program counter.
        halted: Whether the core was halted.
        logs: What Renode logged.
        overwritten: The first byte that was written although it lies in flash or beyond the end of RAM.
        interrupted: The address at which the exception occurred, if the core stands in an exception handler; else None.
    """

    request: RunRequest
    table: Table
    profile: Profile
    pc: int
    halted: bool
    logs: Sequence[LogLine]
    overwritten: int | None
    interrupted: int | None

    def place(self, address: int) -> str:
        """Returns an address, and what lies there, in words."""
        return describe_address(self.request.image, address)

    def halfword(self, address: int) -> int:
        """Returns the code at an address; 0 if there is none."""
        counts = self.table.counts
        offset = max(address - counts.code_start, 0)
        return int.from_bytes(counts.code[offset : offset + 2], "little")

    @property
    def last_block(self) -> str:
        """The end of the last block, in words."""
        return self.place(self.table.last_block[1] - 2)


def is_fatal(log: LogLine) -> bool:
    """Whether a log line decides the verdict, whatever comes after it."""
    return bool(_BAD_ACCESS.search(log.text) or _ABORT.search(log.text))


def judge(ending: Ending) -> tuple[Verdict, str]:
    """Tells why the run ended, by the first cause that applies."""
    return (
        judge_logs(ending.request, ending.logs, ending.last_block) or _stray(ending) or _halt(ending) or _rest(ending)
    )


def judge_logs(
    request: RunRequest, logs: Sequence[LogLine], last_block: str = "an unknown place"
) -> tuple[Verdict, str] | None:
    """Returns the verdict that follows from the log: accesses outside the memories, and what Renode's core cannot do.

    A jump to nowhere logs two lines. The first is a bad read by an instruction at the very address that it reads; that
    is the instruction fetch. The second is the abort that follows. It tells more, so it decides.
    """
    fetched: str | None = None
    for log in logs:
        if bad := _BAD_ACCESS.search(log.text):
            if int(bad["pc"], 16) == int(bad["address"], 16):
                fetched = fetched or bad["address"]
                continue
            where = describe_address(request.image, int(bad["pc"], 16))
            what = f"{_ACCESSES[bad['access']]} unmapped memory at {int(bad['address'], 16):#x} ({bad['width']})"
            return Verdict.BAD_MEMORY_ACCESS, f"{what}, at {where}"
        if abort := _ABORT.search(log.text):
            where = describe_address(request.image, int(abort["pc"], 16))
            kind = Verdict.BAD_MEMORY_ACCESS if _OUTSIDE in abort["reason"] else Verdict.FAULT
            return kind, f"{abort['reason'].rstrip('.')}, at {where}, reached from {last_block}"
    if fetched:
        what = f"execution of unmapped memory at {int(fetched, 16):#x}"
        return Verdict.BAD_MEMORY_ACCESS, f"{what}, reached from {last_block}"
    return None


def _stray(ending: Ending) -> tuple[Verdict, str] | None:
    """Recognises execution or writes where they must not be."""
    if ending.overwritten is not None:
        return Verdict.BAD_MEMORY_ACCESS, f"write to read-only or missing memory at {ending.overwritten:#x}"
    if ending.table.cause is Cause.NOT_CODE:
        where = ending.place(ending.table.stopped_at)
        return Verdict.BAD_MEMORY_ACCESS, f"execution of {where}, which holds no code, jumped to at {ending.last_block}"
    return None


def _halt(ending: Ending) -> tuple[Verdict, str] | None:
    """Recognises a core that was halted elsewhere than at the end, or was not halted."""
    fault = ending.request.image.symbols.get(FAULT_SYMBOL)
    budget = ending.request.budget_instructions
    if ending.halted and fault is not None and ending.pc == fault.address:
        return Verdict.FAULT, _fault(ending)
    before = ending.pc - 2
    if not ending.halted and (sleep := asleep(ending.request.image, ending.halfword(before), before)):
        return sleep
    if not ending.halted:
        return Verdict.BUDGET_EXCEEDED, f"more than {budget} instructions, the last at {ending.last_block}"
    if ending.pc != ending.request.stop_address:
        return Verdict.ENGINE_DIED, f"stopped without a reason at {ending.place(ending.pc)}"
    return None


def _fault(ending: Ending) -> str:
    """Describes the exception or the call that led to the fault handler."""
    if ending.interrupted is None:
        return f"{FAULT_SYMBOL} reached from {ending.last_block}"
    after = ending.interrupted - _SUPERVISOR_CALL_BYTES
    if ending.halfword(after) >> 8 == _SUPERVISOR_CALL:
        return f"supervisor call at {ending.place(after)}"
    what = _EXCEPTIONS.get(ending.halfword(ending.interrupted) >> 8, "exception")
    return f"{what} at {ending.place(ending.interrupted)}"


def _rest(ending: Ending) -> tuple[Verdict, str]:
    """Judges a run that reached the end."""
    instructions, budget = ending.profile.instructions, ending.request.budget_instructions
    if instructions > budget:
        return Verdict.BUDGET_EXCEEDED, f"{instructions} instructions instead of {budget}"
    return Verdict.FINISHED, ""
