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
from sparse_mcu.costmodel.timing.operands import EXTENSIONS, PC, Operands, Role, operands_of
from sparse_mcu.costmodel.timing.thumb import instruction_lengths, thumb_decoder

_DIRECT_BRANCHES = frozenset({"b", "bl", "cbz", "cbnz"})
_CONDITIONAL = frozenset({"cbz", "cbnz"})
_BRANCHES = _DIRECT_BRANCHES | {"bx", "blx", "bxns", "blxns", "tbb", "tbh"}
_ALWAYS = (arm.ARM_CC_AL, arm.ARM_CC_INVALID)
_LONGEST_SIMPLE_CONSTANT = 0xFF


@dataclass(frozen=True, slots=True)
class Instruction:
    """One executed instruction.

    Attributes:
        index: Its first halfword, counted from the start of the code.
        halfwords: 1 or 2.
        is_aligned: Whether it begins at a multiple of four bytes.
        keys: The names that a timing table may list it under, the most specific first.
        operands: Its registers.
        sets_flags: Whether it sets the condition flags.
        is_conditional: Whether a condition decides if it runs.
        is_shifted: Whether its second operand is shifted, or a constant that is made by a shift.
        target: The halfword that it may jump to, counted like `index`; None if it does not jump, or to a register.
    """

    index: int
    halfwords: int
    is_aligned: bool
    keys: tuple[str, ...]
    operands: Operands
    sets_flags: bool
    is_conditional: bool
    is_shifted: bool
    target: int | None

    @property
    def name(self) -> str:
        """The mnemonic without any suffix."""
        return self.keys[-1]

    @property
    def is_literal(self) -> bool:
        """Whether it loads a constant that lies among the code."""
        return self.keys[0].endswith(".literal")

    @property
    def is_indexed(self) -> bool:
        """Whether the offset of its address is a register."""
        return any(key.endswith(".reg") for key in self.keys)

    @property
    def next_index(self) -> int:
        """The halfword after it."""
        return self.index + self.halfwords

    @property
    def always_jumps(self) -> bool:
        """Whether the next instruction in memory never follows directly, or only after a call."""
        jumps = self.name in _BRANCHES or PC in self.operands.results
        return jumps and not self.is_conditional

    def reads(self, *roles: Role) -> frozenset[int]:
        """Returns the registers that it reads in one of these roles; in any role if none is given."""
        return frozenset(number for number, role in self.operands.reads if not roles or role in roles)


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
    decoder = thumb_decoder(detail=True, armv8=True)
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
    operands = operands_of(name, item)
    return Instruction(
        index=index,
        halfwords=item.size // 2,
        is_aligned=item.address % 4 == 0,
        keys=_keys(name, item, operands),
        operands=operands,
        sets_flags=item.update_flags,
        is_conditional=item.cc not in _ALWAYS or name in _CONDITIONAL,
        is_shifted=_is_shifted(name, item),
        target=(item.operands[-1].imm - code_start) // 2 if name in _DIRECT_BRANCHES else None,
    )


def _is_shifted(name: str, item: capstone.CsInsn) -> bool:
    """Whether operand 2 is a shifted register, or a constant of eight bits at another place than the lowest."""
    last = item.operands[-1] if item.operands else None
    if last is None or item.size == 2 or name.startswith(EXTENSIONS):  # noqa: PLR2004
        return False
    if last.type == arm.ARM_OP_REG:
        return bool(last.shift.type)
    if last.type != arm.ARM_OP_IMM or int.from_bytes(item.bytes[:2], "little") & 0xFA00 != 0xF000:  # noqa: PLR2004
        return False
    value = last.imm & 0xFFFFFFFF
    halves, low = value & 0xFFFF, value & 0xFF
    pattern = value >> 16 == halves and (low in {0, halves, halves >> 8})
    return value > _LONGEST_SIMPLE_CONSTANT and not pattern


def _keys(name: str, item: capstone.CsInsn, operands: Operands) -> tuple[str, ...]:
    memory = [part.mem for part in item.operands if part.type == arm.ARM_OP_MEM]
    qualifiers = (
        (".pc", PC in operands.loads),
        (".lr", name in {"bx", "mov"} and any(number == PC - 1 for number, _ in operands.reads)),
        (".literal", any(part.base == arm.ARM_REG_PC for part in memory)),
        (".pair", name == "vmov" and operands.core_registers == 2),  # noqa: PLR2004
        (".core", name == "vmov" and operands.core_registers == 1),
        (".f64", _is_double(item)),
        (".reg", any(part.index for part in memory)),
        (".n", item.size == 2),  # noqa: PLR2004
    )
    return (*(name + suffix for suffix, applies in qualifiers if applies), name)


def _is_double(item: capstone.CsInsn) -> bool:
    """Whether an operand is a register of 64 bits."""
    return any(part.type == arm.ARM_OP_REG and arm.ARM_REG_D0 <= part.reg <= arm.ARM_REG_D31 for part in item.operands)
