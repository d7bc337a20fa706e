"""From executed addresses to instructions: what pricing needs to know of each, and nothing else.

Literal pools and padding lie between instructions, so a plain linear sweep would decode data. The
sweep here visits only halfwords that were executed, in runs of adjacent instructions (capstone must
see an `it` right before the instructions it governs).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import capstone
import numpy as np
import numpy.typing as npt
from capstone import arm

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import UnknownInstructionError
from sparse_mcu.costmodel.timing.thumb import instruction_lengths, thumb_decoder

_LIST_WITH_BASE = frozenset({"ldm", "ldmdb", "stm", "stmdb"})
_DIRECT_BRANCHES = frozenset({"b", "bl", "cbz", "cbnz"})
_LIST_ALONE = frozenset({"push", "pop"})


@dataclass(frozen=True, slots=True)
class Instruction:
    """One executed instruction.

    Attributes:
        index: Halfword of its address, counted from the start of the code.
        halfwords: 1 or 2.
        keys: Names under which a timing table may list it, the most specific first.
        registers: Length of its register list; 0 if it has none.
        address: Registers that its memory address is made of.
        needs: Registers that it must have when it starts: all it reads, but of a store its address only.
        loads: Registers that it loads from memory (a written-back base is not among them).
        results: Registers that it writes.
        target: Halfword that it may jump to, counted like `index`; None if it does not, or a register says where.
    """

    index: int
    halfwords: int
    keys: tuple[str, ...]
    registers: int
    address: frozenset[int]
    needs: frozenset[int]
    loads: frozenset[int]
    results: frozenset[int]
    target: int | None


def decode(code: bytes, executed: npt.NDArray[np.bool_], core: Core, code_start: int) -> tuple[Instruction, ...]:
    """Decode the instructions at the halfwords where `executed` is set.

    Args:
        code: The bytes at `code_start`.
        executed: bool [halfwords]; true where an executed instruction begins.
        core: For the message; what it may execute is decided by its timing table.
        code_start: Address of halfword 0.

    Raises:
        UnknownInstructionError: An executed address holds no instruction, lies within another, or past `code`.
    """
    decoder = thumb_decoder(detail=True)
    found: list[Instruction] = []
    for start, end in _runs(code, executed, code_start):
        at = start
        for item in decoder.disasm(code[2 * start : 2 * end], code_start + 2 * start):
            found.append(_instruction(decoder, item, at, code_start))
            at += item.size // 2
        if at != end:
            raise _mismatch(
                f"bytes {code[2 * at : 2 * at + 4].hex()} are no instruction of {core.name}", code_start, at
            )
    return tuple(found)


def _runs(code: bytes, executed: npt.NDArray[np.bool_], code_start: int) -> Iterator[tuple[int, int]]:
    """Stretches [start, end) of halfwords in which every instruction was executed."""
    starts = np.flatnonzero(executed)
    lengths = instruction_lengths(code)
    if starts.size and starts[-1] >= lengths.size:
        raise _mismatch(f"executed, but past the {len(code)} bytes of code", code_start, int(starts[-1]))
    ends = starts + lengths[starts]
    gaps = starts[1:] - ends[:-1]
    if np.any(gaps < 0):
        raise _mismatch(
            "executed, but within another executed instruction", code_start, int(starts[np.argmin(gaps) + 1])
        )
    for run in np.split(np.arange(starts.size), np.flatnonzero(gaps) + 1):
        if run.size:
            yield int(starts[run[0]]), int(ends[run[-1]])


def _mismatch(what: str, code_start: int, index: int) -> UnknownInstructionError:
    return UnknownInstructionError(
        what,
        where=f"0x{code_start + 2 * index:08x}",
        fix="The profile does not belong to this code, or the code to another core.",
    )


def _instruction(decoder: capstone.Cs, item: capstone.CsInsn, index: int, code_start: int) -> Instruction:
    name = decoder.insn_name(item.id)
    registers = [operand for operand in item.operands if operand.type == arm.ARM_OP_REG]
    memory = [operand.mem for operand in item.operands if operand.type == arm.ARM_OP_MEM]
    address = frozenset(register for part in memory for register in (part.base, part.index) if register)
    reads, writes = item.regs_access()
    stores = bool(memory) and name.startswith("st")
    halfwords = item.size // 2
    return Instruction(
        index=index,
        halfwords=halfwords,
        keys=_keys(name, narrow=halfwords == 1, indexed=any(part.index for part in memory)),
        registers=_list_length(name, len(registers)),
        address=address,
        needs=address if stores else frozenset(reads),
        loads=frozenset(operand.reg for operand in registers if memory and operand.access & capstone.CS_AC_WRITE),
        results=frozenset(writes),
        target=(item.operands[-1].imm - code_start) // 2 if name in _DIRECT_BRANCHES else None,
    )


def _keys(name: str, *, narrow: bool, indexed: bool) -> tuple[str, ...]:
    qualifiers = ((".reg", indexed), (".n", narrow))
    return (*(name + suffix for suffix, applies in qualifiers if applies), name)


def _list_length(name: str, registers: int) -> int:
    if name in _LIST_WITH_BASE:
        return registers - 1
    return registers if name in _LIST_ALONE else 0
