"""How loads and stores find their address: memories.c against capstone."""

import ctypes
from pathlib import Path

import capstone
import pytest
from capstone import arm
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.timing.thumb import thumb_decoder
from sparse_mcu.simulation.engines.counting.native import load_native
from sparse_mcu.simulation.engines.memories import memories

NEITHER, LOAD, STORE = 1, 2, 3
REGISTERS = [
    *range(arm.ARM_REG_R0, arm.ARM_REG_R12 + 1),
    *(arm.ARM_REG_SP, arm.ARM_REG_LR, arm.ARM_REG_PC),
]
NO_ACCESS = ("stc", "ldc", "pld", "pldw", "pli", "tt", "ttt", "tta", "ttat", "vlldm", "vlstm", "adr")
NARROW = st.tuples(st.integers(0, 0xE7FF), st.just(0xBF00))
WIDE = st.tuples(
    st.sampled_from(
        [
            0xE800,
            0xE840,
            0xE8C0,
            0xE900,
            0xE940,
            0xE980,
            0xE9C0,
            0xEC00,
            0xED00,
            0xF800,
            0xF840,
            0xF880,
            0xF8C0,
            0xF900,
            0xF980,
        ]
    ),
    st.integers(0, 63),
    st.integers(0, 0xFFFF),
).map(lambda parts: (parts[0] | parts[1], parts[2]))
DECODER = thumb_decoder(detail=True)


def decoded(first: int, second: int) -> memories.Access:
    """Returns what the native half makes of an instruction."""
    library = load_native(Path(memories.__file__).with_name("memories.c"))
    library.decode_access.restype = memories.Access
    library.decode_access.argtypes = (ctypes.c_uint32, ctypes.c_uint32)
    found: memories.Access = library.decode_access(first, second)
    return found


def instruction(first: int, second: int) -> capstone.CsInsn | None:
    """Returns what capstone makes of it; None if it is no instruction."""
    data = first.to_bytes(2, "little") + second.to_bytes(2, "little")
    return next(DECODER.disasm(data, 0x08000000, 1), None)


def expected(found: capstone.CsInsn) -> tuple[int, ...]:
    """Returns kind, bytes of a unit, units, base, index, shift and offset, as capstone's operands tell them."""
    name = DECODER.insn_name(found.id)
    kind = LOAD if name.startswith(("ldr", "ldm", "pop", "vldr", "vldm", "vpop", "tb", "lda")) else STORE
    registers = [operand.reg for operand in found.operands if operand.type == arm.ARM_OP_REG]
    lists = name.removeprefix("v") in {"push", "pop"} or name.lstrip("v").startswith(("ldm", "stm"))
    doubles = 2 if registers and arm.ARM_REG_D0 <= registers[-1] <= arm.ARM_REG_D31 else 1
    if lists:
        stack = "push" in name or "pop" in name
        base = arm.ARM_REG_SP if stack else registers[0]
        units = doubles * (len(registers) - (not stack))
        is_before = "push" in name or name.endswith("db")
        return kind, 4, units, REGISTERS.index(base), 16, 0, -4 * units if is_before else 0
    place = next(operand for operand in found.operands if operand.type == arm.ARM_OP_MEM)
    width = {"tbb": 1, "tbh": 2}.get(name) or (1 if "b" in name[3:] else 2 if "h" in name[3:] else 4)
    units = 2 if name in {"ldrd", "strd"} else doubles if name in {"vldr", "vstr"} else 1
    index = REGISTERS.index(place.mem.index) if place.mem.index else 16
    shift = place.shift.value if place.mem.index else 0
    if name == "tbh":
        shift = 1
    offset = 0 if found.post_index else place.mem.disp
    return kind, width, units, REGISTERS.index(place.mem.base), index, shift, offset


def is_sound(found: capstone.CsInsn, first: int, second: int) -> bool:
    """Whether a Cortex-M has the instruction, and its effect is defined."""
    name = DECODER.insn_name(found.id)
    is_neon = name[:3] in {"vld", "vst"} and name[3:4].isdigit()
    listed = [operand.reg for operand in found.operands if operand.type == arm.ARM_OP_REG]
    words = sum(
        2 if arm.ARM_REG_D0 <= register <= arm.ARM_REG_D31 else register >= arm.ARM_REG_S0 for register in listed
    )
    is_cut = name.startswith("v") and name not in {"vldr", "vstr"} and words != second & 0xFF  # it has more than exist
    into_pc = found.op_str.startswith("pc") and name != "ldr"
    is_gateway = first == 0xE97F
    return not (
        is_neon or is_cut or into_pc or is_gateway or ".16" in found.mnemonic or name.startswith(("fldm", "fstm"))
    )


@given(NARROW | WIDE)
@settings(max_examples=2000, deadline=None)
def test_accesses_are_those_of_capstone(halfwords: tuple[int, int]) -> None:
    found, ours = instruction(*halfwords), decoded(*halfwords)
    if found is None or not is_sound(found, *halfwords):
        return
    name = DECODER.insn_name(found.id)
    has_memory = any(operand.type == arm.ARM_OP_MEM for operand in found.operands)
    is_list = name.removeprefix("v") in {"push", "pop"} or name.lstrip("v").startswith(("ldm", "stm"))
    if name.startswith(NO_ACCESS) or not (has_memory or is_list):
        return
    told = (ours.kind, ours.width, ours.units, ours.base, ours.index, ours.shift, ours.offset)
    assert told == expected(found), f"{found.mnemonic} {found.op_str}"


@pytest.mark.parametrize(
    "text", ["nop", "adds r0, r1, r2", "mov.w r0, #1", "bl #8", "smlad r0, r1, r2, r3", "cmp r0, #1"]
)
def test_other_instructions_access_nothing(text: str) -> None:
    known = {
        "nop": (0xBF00, 0),
        "adds r0, r1, r2": (0x1888, 0),
        "mov.w r0, #1": (0xF04F, 0x0001),
        "bl #8": (0xF000, 0xF802),
        "smlad r0, r1, r2, r3": (0xFB21, 0x3002),
        "cmp r0, #1": (0x2801, 0),
    }
    assert decoded(*known[text]).kind == NEITHER
