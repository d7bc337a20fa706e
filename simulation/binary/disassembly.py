"""Thumb instructions of an image, as far as control flow and the stack pointer are concerned."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.image import FirmwareImage, Section

_CONDITION = "(?P<if>eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
_WIDTH = r"(?:\.[nw])?"
_REGISTERS = r"\{(?P<registers>[^}]*)\}"
_IMMEDIATE = r"#(?P<immediate>-?(?:0x)?[0-9a-f]+)"
_TARGET = r"#(?P<target>0x[0-9a-f]+|\d+)"
_WINDOW_INSTRUCTIONS = 32
_LONGEST_BYTES = 4
_LONGEST_IT_BLOCK = 4


class Flow(Enum):
    """Where execution goes after an instruction."""

    NEXT = auto()
    JUMP = auto()
    CALL = auto()
    RETURN = auto()
    STOP = auto()
    INDIRECT = auto()


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        address: Where it lies.
        size: 2 or 4 bytes.
        text: Mnemonic and operands.
        flow: Where execution goes.
        target: The address it jumps to or calls.
        conditional: Whether it may fall through to the next instruction instead.
        pushed: Bytes by which it lowers the stack pointer (negative: raises it); None if it depends on a register.
    """

    address: int
    size: int
    text: str
    flow: Flow
    target: int | None
    conditional: bool
    pushed: int | None


_FLOWS = tuple(
    (flow, re.compile(pattern))
    for flow, pattern in (
        (Flow.CALL, rf"bl {_TARGET}"),
        (Flow.JUMP, rf"b{_CONDITION}{_WIDTH} {_TARGET}"),
        (Flow.JUMP, rf"(?P<if>cbn?z) \w+, {_TARGET}"),
        (Flow.RETURN, rf"bx{_CONDITION} lr"),
        (Flow.RETURN, rf"(?:pop|ldm){_CONDITION}{_WIDTH} (?:sp!, )?\{{[^}}]*\bpc\}}"),
        (Flow.RETURN, rf"ldr{_CONDITION}{_WIDTH} pc, \[sp\], #4"),
        (Flow.RETURN, rf"mov{_CONDITION} pc, lr"),
        (Flow.STOP, r"(?:udf|bkpt|hlt)\b.*"),
        (Flow.INDIRECT, r"(?:blx|bx|tbb|tbh)\b.*"),
        (Flow.INDIRECT, r"\w+(?:\.w)? pc, .*"),
        (Flow.INDIRECT, r"ldm\w*(?:\.w)? .*\bpc\}"),
    )
)
_PUSHES = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        (1, rf"push{_CONDITION}{_WIDTH} {_REGISTERS}"),
        (1, rf"stmdb{_CONDITION}{_WIDTH} sp!, {_REGISTERS}"),
        (-1, rf"(?:pop|ldm){_CONDITION}{_WIDTH} (?:sp!, )?{_REGISTERS}"),
        (1, rf"sub{_CONDITION}w?{_WIDTH} sp, (?:sp, )?{_IMMEDIATE}"),
        (-1, rf"add{_CONDITION}w?{_WIDTH} sp, (?:sp, )?{_IMMEDIATE}"),
        (-1, rf"\w+{_WIDTH} [^\[]*\[sp, {_IMMEDIATE}\]!"),
        (-1, rf"\w+{_WIDTH} [^\[]*\[sp\], {_IMMEDIATE}"),
    )
)
# Whatever else writes the stack pointer: as a destination, by write-back, by an index register.
_SETS_STACK_POINTER = re.compile(
    r"(?!cmp|cmn|tst|teq|str|stm|push|pop|bx|blx)\w+(?:\.w)? sp\b.*"
    r"|.*\bsp!.*|.*\[sp\b[^]]*\]!.*|.*\[sp\], [^#].*|vpush.*|vpop.*|msr [mp]sp,.*"
)


class Disassembler:
    """Decodes an image's code where it is reached, so literal pools are never mistaken for code.

    Args:
        image: The firmware.
    """

    def __init__(self, image: FirmwareImage) -> None:
        self._code = tuple(section for section in image.sections.values() if section.executable)
        self._decoder = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
        self._known: dict[int, Instruction] = {}
        self._file = image.path.name

    def at(self, address: int) -> Instruction:
        """The instruction at `address`.

        Raises:
            ToolchainError: There is no code there.
        """
        if address not in self._known:
            section = self._section(address)
            offset = address - section.address
            window = section.data[offset : offset + _LONGEST_BYTES * _WINDOW_INSTRUCTIONS]
            for instruction in _without_open_it_block(list(self._decoder.disasm_lite(window, address))):
                start, size, mnemonic, operands = instruction
                if start in self._known:
                    break
                self._known[start] = _classify(start, size, f"{mnemonic} {operands}".strip())
        if address not in self._known:
            raise ToolchainError(f"no instruction at {address:#x}", where=self._file)
        return self._known[address]

    def _section(self, address: int) -> Section:
        for section in self._code:
            if section.address <= address < section.address + section.size_bytes:
                return section
        raise ToolchainError(f"execution reaches {address:#x}, where there is no code", where=self._file)


def _without_open_it_block(decoded: list[tuple[int, int, str, str]]) -> list[tuple[int, int, str, str]]:
    """Cut before an IT near the end: the next window starts with it and knows the conditions that it gives."""
    for index in range(max(1, len(decoded) - _LONGEST_IT_BLOCK), len(decoded)):
        if decoded[index][2].startswith("it"):
            return decoded[:index]
    return decoded


def _classify(address: int, size: int, text: str) -> Instruction:
    flow, target, conditional = _flow(text)
    return Instruction(address, size, text, flow, target, conditional, _pushed(text))


def _flow(text: str) -> tuple[Flow, int | None, bool]:
    for flow, pattern in _FLOWS:
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            target = groups.get("target")
            return flow, int(target, 0) if target else None, bool(groups.get("if"))
    return Flow.NEXT, None, False


def _pushed(text: str) -> int | None:
    for sign, pattern in _PUSHES:
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            if "registers" in groups:
                return sign * 4 * len(groups["registers"].split(","))
            return sign * int(groups["immediate"], 0)
    return None if _SETS_STACK_POINTER.fullmatch(text) else 0
