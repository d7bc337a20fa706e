"""Reads from capstone's text alone what an instruction does to control flow and to the stack pointer.

It is an oracle for `sparse_mcu.simulation.binary.disassembly`, which reads operands.
"""

import re

_CONDITION = "(?P<if>eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
_WIDTH = r"(?:\.[nw])?"
_REGISTERS = r"\{(?P<registers>[^}]*)\}"
_IMMEDIATE = r"#(?P<immediate>-?(?:0x)?[0-9a-f]+)"
_TARGET = r"#(?P<target>0x[0-9a-f]+|\d+)"
_FLOWS = tuple(
    (flow, re.compile(pattern))
    for flow, pattern in (
        ("CALL", rf"bl{_CONDITION} {_TARGET}"),
        ("JUMP", rf"b{_CONDITION}{_WIDTH} {_TARGET}"),
        ("JUMP", rf"(?P<if>cbn?z) \w+, {_TARGET}"),
        ("RETURN", rf"bx{_CONDITION} lr"),
        ("RETURN", rf"(?:pop|ldm){_CONDITION}{_WIDTH} (?:sp!, )?\{{[^}}]*\bpc\}}"),
        ("RETURN", rf"ldr{_CONDITION}{_WIDTH} pc, \[sp\], #4"),
        ("RETURN", rf"mov{_CONDITION} pc, lr"),
        ("STOP", r"(?:udf|bkpt|hlt)\b.*"),
        ("INDIRECT", r"(?:blx|bx|tbb|tbh)\b.*"),
        ("INDIRECT", r"\w+(?:\.w)? pc, .*"),
        ("INDIRECT", r"ldm\w*(?:\.w)? .*\bpc\}"),
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
# All other ways to write the stack pointer: as a destination, by write-back, by an index register.
_SETS_STACK_POINTER = re.compile(
    r"(?!cmp|cmn|tst|teq|str|stm|push|pop|bx|blx)\w+(?:\.w)? sp\b.*"
    r"|.*\bsp!.*|.*\[sp\b[^]]*\]!.*|.*\[sp\], [^#].*|vpush.*|vpop.*|msr [mp]sp,.*"
)


def read_text(text: str) -> tuple[str, int | None, bool, int | None]:
    """Returns the name of an instruction's flow, its target, whether it may fall through, and the bytes pushed."""
    return *_flow(text), _pushed(text)


def _flow(text: str) -> tuple[str, int | None, bool]:
    for flow, pattern in _FLOWS:
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            target = groups.get("target")
            return flow, int(target, 0) if target else None, bool(groups.get("if"))
    return "NEXT", None, False


def _pushed(text: str) -> int | None:
    for sign, pattern in _PUSHES:
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            if "registers" in groups:
                return sign * 4 * len(groups["registers"].split(","))
            return sign * int(groups["immediate"], 0)
    return None if _SETS_STACK_POINTER.fullmatch(text) else 0
