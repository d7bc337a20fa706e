"""Decodes Thumb instructions of an image, as far as control flow and the stack pointer are concerned."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from capstone import CsInsn, arm

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.timing.thumb import thumb_decoder
from sparse_mcu.simulation.binary.image import FirmwareImage, Section

_WINDOW_INSTRUCTIONS = 32
_LONGEST_BYTES = 4
_LONGEST_IT_BLOCK = 4
_REGISTER_BYTES = 4
_KEPT_WINDOWS = 4096
_ADDRESSES = 0xFFFFFFFF
_SP, _LR, _PC = arm.ARM_REG_SP, arm.ARM_REG_LR, arm.ARM_REG_PC
_STOPS = {arm.ARM_INS_UDF, arm.ARM_INS_BKPT, arm.ARM_INS_HLT}
_TESTS = {arm.ARM_INS_CBZ, arm.ARM_INS_CBNZ}
_JUMPS = {arm.ARM_INS_B, *_TESTS}
_TABLES = {arm.ARM_INS_TBB, arm.ARM_INS_TBH}
_LISTS = {arm.ARM_INS_PUSH: 1, arm.ARM_INS_STMDB: 1, arm.ARM_INS_POP: -1, arm.ARM_INS_LDM: -1}  # 1: it pushes
_ALONE = {arm.ARM_INS_PUSH, arm.ARM_INS_POP}  # lists that do not name their base register
_SUMS = {arm.ARM_INS_SUB: 1, arm.ARM_INS_SUBW: 1, arm.ARM_INS_ADD: -1, arm.ARM_INS_ADDW: -1}
_VECTOR_LISTS = {arm.ARM_INS_VPUSH, arm.ARM_INS_VPOP}  # capstone does not report that they write the stack pointer
_STACK_POINTERS = {arm.ARM_SYSREG_MSP, arm.ARM_SYSREG_PSP}


class Flow(Enum):
    """Tells where execution goes after an instruction."""

    NEXT = auto()
    JUMP = auto()
    CALL = auto()
    RETURN = auto()
    STOP = auto()
    INDIRECT = auto()


@dataclass(frozen=True, slots=True)
class Instruction:
    """Describes one instruction.

    Attributes:
        address: Where it lies.
        size: 2 or 4 bytes.
        text: Mnemonic and operands.
        flow: Where execution goes.
        target: The address that it jumps to or calls.
        conditional: Whether it may fall through to the next instruction instead.
        pushed: Bytes by which it lowers the stack pointer (negative: raises it); None if that depends on a register.
    """

    address: int
    size: int
    text: str
    flow: Flow
    target: int | None
    conditional: bool
    pushed: int | None


class Disassembler:
    """Decodes an image's code where execution reaches it, so literal pools are never taken for code.

    Args:
        image: The firmware.
    """

    def __init__(self, image: FirmwareImage) -> None:
        self._code = tuple(section for section in image.sections.values() if section.executable)
        self._known: dict[int, Instruction] = {}
        self._file = image.path.name

    def at(self, address: int) -> Instruction:
        """Returns the instruction at `address`.

        Raises:
            ToolchainError: There is no code there.
        """
        if address not in self._known:
            section = self._section(address)
            offset = address - section.address
            window = section.data[offset : offset + _LONGEST_BYTES * _WINDOW_INSTRUCTIONS]
            for instruction in _decoded(window, address):
                if instruction.address in self._known:
                    break
                self._known[instruction.address] = instruction
        if address not in self._known:
            raise ToolchainError(f"no instruction at {address:#x}", where=self._file)
        return self._known[address]

    def _section(self, address: int) -> Section:
        for section in self._code:
            if section.address <= address < section.address + section.size_bytes:
                return section
        raise ToolchainError(f"execution reaches {address:#x}, where there is no code", where=self._file)


@lru_cache(_KEPT_WINDOWS)
def _decoded(window: bytes, address: int) -> tuple[Instruction, ...]:
    """Returns the instructions at the start of `window`, which lies at `address`.

    The results are kept, because a build links the same code twice.
    """
    decoded = list(thumb_decoder(detail=True).disasm(window, address))
    return tuple(classify(each) for each in _without_open_it_block(decoded))


def _without_open_it_block(decoded: Sequence[CsInsn]) -> Sequence[CsInsn]:
    """Cuts before an IT near the end. The next window then starts with it, and knows the conditions that it gives."""
    for index in range(max(1, len(decoded) - _LONGEST_IT_BLOCK), len(decoded)):
        if decoded[index].id == arm.ARM_INS_IT:
            return decoded[:index]
    return decoded


def classify(instruction: CsInsn) -> Instruction:
    """Tells what an instruction, decoded in detail, does to control flow and to the stack pointer."""
    _, written = instruction.regs_access()
    flow, target = _flow(instruction, written)
    never_falls_through = flow in {Flow.NEXT, Flow.STOP, Flow.INDIRECT}
    return Instruction(
        address=instruction.address,
        size=instruction.size,
        text=f"{instruction.mnemonic} {instruction.op_str}".strip(),
        flow=flow,
        target=target,
        conditional=not never_falls_through and (instruction.cc != arm.ARM_CC_AL or instruction.id in _TESTS),
        pushed=_pushed(instruction, written),
    )


def _flow(instruction: CsInsn, written: Sequence[int]) -> tuple[Flow, int | None]:
    if instruction.id in _STOPS:
        return Flow.STOP, None
    if instruction.id == arm.ARM_INS_BL:
        return Flow.CALL, instruction.operands[-1].imm & _ADDRESSES
    if instruction.id in _JUMPS:
        return Flow.JUMP, instruction.operands[-1].imm & _ADDRESSES
    if instruction.id in _TABLES:
        return Flow.INDIRECT, None
    if _PC not in written:
        return Flow.NEXT, None
    return (Flow.RETURN if _returns(instruction) else Flow.INDIRECT), None


def _returns(instruction: CsInsn) -> bool:
    """Whether an instruction that writes the program counter takes its value from the link register or the stack."""
    operands = instruction.operands
    if instruction.id in {arm.ARM_INS_BX, arm.ARM_INS_MOV}:
        return bool(operands[-1].reg == _LR)
    if instruction.id == arm.ARM_INS_LDR:
        return bool(operands[1].mem.base == _SP and instruction.post_index and operands[-1].imm == _REGISTER_BYTES)
    return bool(instruction.id == arm.ARM_INS_POP)


def _pushed(instruction: CsInsn, written: Sequence[int]) -> int | None:
    if instruction.id in _VECTOR_LISTS or _sets_stack_pointer(instruction):
        return None
    if _SP not in written:
        return 0
    operands = instruction.operands
    if instruction.id in _LISTS and (instruction.id in _ALONE or operands[0].reg == _SP):
        return int(_LISTS[instruction.id] * _REGISTER_BYTES * sum(each.reg != _SP for each in operands))
    if instruction.id in _SUMS and operands[-1].type == arm.ARM_OP_IMM and operands[-2].reg == _SP:
        return _SUMS[instruction.id] * int(operands[-1].imm)
    memory = next((each.mem for each in operands if each.type == arm.ARM_OP_MEM), None)
    if memory is not None and memory.base == _SP and instruction.writeback:
        return -int(memory.disp + (operands[-1].imm if instruction.post_index else 0))
    return None


def _sets_stack_pointer(instruction: CsInsn) -> bool:
    """Whether it is an MSR to a stack pointer. capstone does not count that among the registers written."""
    return instruction.id == arm.ARM_INS_MSR and instruction.operands[0].reg in _STACK_POINTERS
