"""Decodes executed instructions, as far as pricing needs to know them.

Literal pools and padding lie between instructions, so a linear sweep over all code would decode data. We decode only
executed halfwords, in runs of adjacent instructions: capstone must see an `it` right before the instructions that it
governs.
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
        index: Its first halfword, counted from the start of the code.
        halfwords: 1 or 2.
        keys: The names that a timing table may list it under, the most specific first.
        registers: The length of its register list; 0 if it has none.
        address: The registers that make up its memory address.
        needs: The registers that it needs to start. A store needs those of its address, others all that they read.
        loads: The registers that it loads from memory, without a base register that is written back.
        results: The registers that it writes.
        target: The halfword that it may jump to, counted like `index`; None if it does not jump, or to a register.
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
    """Decodes the instructions that begin where `executed` is set.

    Args:
        code: The bytes at `code_start`.
        executed: bool [halfwords]; true where an executed instruction begins.
        core: Named in the message. Its timing table decides what it may execute.
        code_start: Address of halfword 0.

    Raises:
        UnknownInstructionError: An executed address holds no instruction, lies inside another one, or lies past `code`.
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
    """The stretches [start, end) of halfwords in which every instruction was executed."""
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
        fix="Check that the profile belongs to this code, and the code to this core.",
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
