"""Tells which registers an instruction reads, and in which part of the pipeline it needs each of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import capstone
from capstone import arm

Role = Literal["address", "shifted", "operand", "factor", "accumulator", "data"]
ROLES: tuple[Role, ...] = get_args(Role)

_STORES = ("str", "stm", "push", "stl", "vst", "vpush")
_LOADS = ("ldr", "ldm", "pop", "lda", "vld", "vpop")
_FACTORS = ("mul", "mla", "mls", "smul", "smla", "smls", "smm", "smuad", "smusd", "umul", "umla", "umaal")
_LAST_ACCUMULATES = ("mla", "mls", "smlab", "smlat", "smlaw", "smlad", "smlsd", "smmla", "smmls", "usada8")
_FIRST_ACCUMULATES = ("vfma", "vfms", "vfnm", "vmla", "vmls", "vnmla", "vnmls")
_FIRST_TWO_ACCUMULATE = ("smlal", "smlsld", "umlal", "umaal")
_EXTEND_AND_ADD = ("sxtab", "sxtah", "uxtab", "uxtah")
EXTENSIONS = ("sxtb", "sxth", "uxtb", "uxth")
"""They may rotate their source, but that is no shifted second operand: they need it no earlier than others."""
_EARLY_SOURCE = ("sbfx", "ubfx", "rbit", "rev", "bfi", "pkh", *_EXTEND_AND_ADD)
_ONLY_READ = ("cmp", "cmn", "tst", "teq", "vcmp", "b", "cb", "msr", "vmsr")
_ONLY_WRITE = ("mov", "movs", "movw", "mvn", "adr", "mrs", "vmrs", "fconsts", "fconstd", "vmov")
_NUMBERS = {
    **{getattr(arm, f"ARM_REG_R{number}"): (number,) for number in range(13)},
    arm.ARM_REG_SP: (13,),
    arm.ARM_REG_LR: (14,),
    arm.ARM_REG_PC: (15,),
    **{getattr(arm, f"ARM_REG_S{number}"): (16 + number,) for number in range(32)},
    **{getattr(arm, f"ARM_REG_D{number}"): (16 + 2 * number, 17 + 2 * number) for number in range(16)},
}
PC = 15


@dataclass(frozen=True, slots=True)
class Operands:
    """The registers of an instruction. R0 to R15 are 0 to 15, S0 to S31 are 16 to 47; D0 is S0 and S1.

    Attributes:
        reads: Each register that it reads, with the role in which it needs the register first.
        results: The registers that it writes, loaded ones and a written-back base included.
        loads: The registers that it loads from memory.
        words: The length of its register list in words; 0 if it has none.
        core_registers: How many operands are registers of the core, outside the address.
    """

    reads: tuple[tuple[int, Role], ...]
    results: frozenset[int]
    loads: frozenset[int]
    words: int
    core_registers: int


def operands_of(name: str, item: capstone.CsInsn) -> Operands:
    """Returns the registers of a decoded instruction.

    Capstone 5 forgets some reads (accumulators of long multiplies, shifted operands) and the registers of some lists,
    so the order of the operands decides.
    """
    listed = _list(name, item)
    registers = [_NUMBERS.get(part.reg, ()) for part in item.operands if part.type == arm.ARM_OP_REG]
    base = [
        number for part in _memory(item) for number in (*_NUMBERS.get(part.base, ()), *_NUMBERS.get(part.index, ()))
    ]
    if listed and name not in _IMPLICIT:
        base = list(registers[0])
    if name in _IMPLICIT:
        base = [_NUMBERS[arm.ARM_REG_SP][0]]
    if listed or base:
        return _transfer(name, item, listed or [number for some in registers for number in some], base)
    reads = dict(_sources(name, item))
    return Operands(
        reads=tuple(reads.items()),
        results=frozenset(_destinations(name, item)),
        loads=frozenset(),
        words=0,
        core_registers=sum(number[0] <= PC for number in registers if number),
    )


_IMPLICIT = frozenset({"push", "pop", "vpush", "vpop"})
_LISTS = ("ldm", "stm", "vldm", "vstm", "fldm", "fstm")


def _memory(item: capstone.CsInsn) -> list[arm.ArmOpMem]:
    return [part.mem for part in item.operands if part.type == arm.ARM_OP_MEM]


def _list(name: str, item: capstone.CsInsn) -> list[int]:
    """The registers of a list."""
    registers = [part for part in item.operands if part.type == arm.ARM_OP_REG]
    if name in _IMPLICIT:
        chosen = registers
    elif name.startswith(_LISTS):
        chosen = registers[1:]
    else:
        return []
    return [number for part in chosen for number in _NUMBERS.get(part.reg, ())]


def _transfer(name: str, item: capstone.CsInsn, moved: list[int], base: list[int]) -> Operands:
    """The registers of a load, a store, or a jump through memory."""
    stores, loads = name.startswith(_STORES), name.startswith(_LOADS)
    address: list[tuple[int, Role]] = [(number, "address") for number in base if number != PC]
    data: list[tuple[int, Role]] = [(number, "data") for number in moved if stores and number not in base]
    loaded = frozenset(moved if loads else ())
    written = {base[0]} if item.writeback or name in _IMPLICIT else set()
    status = frozenset(moved[:1]) if name.startswith(("strex", "stlex")) else frozenset()
    is_list = name in _IMPLICIT or name.startswith(_LISTS)
    return Operands(tuple(dict(address + data).items()), loaded | written | status, loaded, len(moved) * is_list, 0)


def _destinations(name: str, item: capstone.CsInsn) -> Iterator[int]:
    if name.startswith(_ONLY_READ) and not name.startswith(("bf", "bic")):
        return
    registers = [part for part in item.operands if part.type == arm.ARM_OP_REG]
    two = name.startswith((*_FIRST_TWO_ACCUMULATE, "smull", "umull")) or (name == "vmov" and _to_two(registers))
    for part in registers[: 2 if two else 1]:
        yield from _NUMBERS.get(part.reg, ())


def _to_two(registers: list[arm.ArmOp]) -> bool:
    """Whether a `vmov` moves to two registers of the core."""
    return len(registers) == 3 and all(_NUMBERS[part.reg][0] <= PC for part in registers[:2])  # noqa: PLR2004


def _sources(name: str, item: capstone.CsInsn) -> Iterator[tuple[int, Role]]:
    """Each register that is read, with its role. A later role for the same register is the earlier part of the pipe."""
    registers = [part for part in item.operands if part.type == arm.ARM_OP_REG]
    writes = len(list(_destinations(name, item)))
    both = name.startswith((*_FIRST_ACCUMULATES, *_FIRST_TWO_ACCUMULATE, "bfi", "bfc", "movt")) or len(registers) == 1
    first = 0 if both or not writes else (2 if name.startswith(("smull", "umull")) else 1)
    if name == "vmov" and _to_two(registers):
        first = 2
    if first == 1 and len(registers) == 2 and registers[0].access & capstone.CS_AC_READ:  # noqa: PLR2004
        first = 0
    last = len(registers) - 1
    found = []
    for at, part in enumerate(registers):
        if at >= first and not (both and len(registers) == 1 and name in _ONLY_WRITE):
            found += [(number, _role(name, part, at, last)) for number in _NUMBERS.get(part.reg, ())]
            if part.shift.type and part.shift.type >= arm.ARM_SFT_ASR_REG:
                found += [(number, "shifted") for number in _NUMBERS.get(part.shift.value, ())]
    order = {role: at for at, role in enumerate(reversed(ROLES))}
    yield from sorted(found, key=lambda pair: order[pair[1]])


def _role(name: str, part: arm.ArmOp, at: int, last: int) -> Role:
    """The role of the register operand number `at` of `last` + 1."""
    if name.startswith(_FIRST_TWO_ACCUMULATE):
        return "accumulator" if at < 2 else "factor"  # noqa: PLR2004
    if name.startswith(_LAST_ACCUMULATES) and at == last:
        return "accumulator"
    if name.startswith(_FIRST_ACCUMULATES) and at == 0:
        return "accumulator"
    if name.startswith(_EXTEND_AND_ADD) and at < last:
        return "accumulator"
    if name.startswith(_FACTORS):
        return "factor"
    early = name.startswith(_EARLY_SOURCE) and at == last
    shifted = part.shift.type and not name.startswith(EXTENSIONS)
    return "shifted" if early or shifted else "operand"
