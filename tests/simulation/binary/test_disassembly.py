"""Flow and stack effects against capstone's own account of what each instruction writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from capstone import CS_ARCH_ARM, CS_GRP_CALL, CS_GRP_JUMP, CS_GRP_RET, CS_MODE_MCLASS, CS_MODE_THUMB, Cs, CsInsn
from capstone.arm import ARM_REG_PC, ARM_REG_SP
from small_firmware import build_assembly, build_c

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.disassembly import Disassembler, Flow, Instruction
from sparse_mcu.simulation.binary.image import FirmwareImage, executable_code
from sparse_mcu.simulation.binary.stack_bound import stack_bound
from sparse_mcu.simulation.toolchain.protocol import Toolchain

M4 = load_board("nucleo-l4r5zi")
NOPS = 80
_FIRST_WIDE = 0b11101 << 11

CODE = """
#include <stdint.h>
int main(void);
volatile int64_t sink;
__attribute__((noinline)) int64_t mixed(const int8_t *p, int32_t n, int64_t a);
__attribute__((noinline)) int64_t mixed(const int8_t *p, int32_t n, int64_t a)
{
    volatile int32_t local[200];
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) { sum += p[i] * p[i + 1]; local[i & 63] = sum; if (sum > 99) sum -= 7; }
    return a / (sum | 1) + a * sum + (a >> (sum & 31)) + local[sum & 63] % (n | 1);
}
int main(void) { sink = mixed((const int8_t *)&sink, 20, sink); return 0; }
"""


def decoder() -> Cs:
    """Capstone with details."""
    detailed = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
    detailed.detail = True
    return detailed


def narrow_instructions() -> Iterator[CsInsn]:
    """Every 16-bit encoding that is an instruction."""
    detailed = decoder()
    for encoding in range(_FIRST_WIDE):
        yield from detailed.disasm(encoding.to_bytes(2, "little"), 0x1000, 1)


def assert_agrees(ours: Instruction, theirs: CsInsn) -> None:
    """Ours knows that it writes the stack pointer or leaves the straight line if and only if theirs does."""
    _, written = theirs.regs_access()
    leaves = ARM_REG_PC in written or any(group in theirs.groups for group in (CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET))
    adds_nothing = ours.text.endswith("sp, #0")
    assert (ours.pushed != 0) == (ARM_REG_SP in written and not adds_nothing), ours
    if not ours.text.startswith("cmp pc") and ours.flow is not Flow.STOP:
        assert (ours.flow is not Flow.NEXT) == leaves, ours


def test_every_narrow_encoding_is_understood() -> None:
    from sparse_mcu.simulation.binary.disassembly import _classify  # noqa: PLC0415 - the one test of a part that has no other door

    count = 0
    for theirs in narrow_instructions():
        assert_agrees(_classify(theirs.address, theirs.size, f"{theirs.mnemonic} {theirs.op_str}".strip()), theirs)
        count += 1
    assert count > 50_000


@pytest.mark.parametrize("board_name", ["microbit", "bluepill", "nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_compiled_code_is_understood(toolchain: Toolchain, tmp_path: Path, board_name: str) -> None:
    image = build_c(CODE, load_board(board_name), tmp_path, toolchain)
    start, code = executable_code(image)
    ours, detailed = Disassembler(image), decoder()
    for name in stack_bound(image).frames:
        symbol = image.symbols[name]
        body = code[symbol.address - start :][: symbol.size_bytes]
        for theirs in detailed.disasm(body, symbol.address):
            assert_agrees(ours.at(theirs.address), theirs)


@pytest.mark.parametrize(
    ("text", "flow", "conditional", "pushed"),
    [
        ("nop", Flow.NEXT, False, 0),
        ("b.w firmware_done", Flow.JUMP, False, 0),
        ("cbz r0, 1f\nnop\n1: nop", Flow.JUMP, True, 0),
        ("bne 1f\n1: nop", Flow.JUMP, True, 0),
        ("bl firmware_done", Flow.CALL, False, 0),
        ("bx lr", Flow.RETURN, False, 0),
        ("pop {r4, pc}", Flow.RETURN, False, -8),
        ("ldr pc, [sp], #4", Flow.RETURN, False, -4),
        ("ldmia.w sp!, {r4, r8, pc}", Flow.RETURN, False, -12),
        ("udf #1", Flow.STOP, False, 0),
        ("blx r3", Flow.INDIRECT, False, 0),
        ("ldr pc, [r0]", Flow.INDIRECT, False, 0),
        ("mov sp, r7", Flow.NEXT, False, None),
        (".inst.w 0xf02d0d07", Flow.NEXT, False, None),
        ("str r0, [sp, #-8]!", Flow.NEXT, False, 8),
        ("ldr r0, [sp, #8]", Flow.NEXT, False, 0),
        ("add r0, sp, #8", Flow.NEXT, False, 0),
        ("push.w {r4-r11, lr}", Flow.NEXT, False, 36),
    ],
)  # fmt: skip
def test_each_kind(tmp_path: Path, text: str, flow: Flow, conditional: bool, pushed: int | None) -> None:
    image = build_assembly({"Reset_Handler": f"{text}\nb firmware_done"}, M4, tmp_path)
    found = Disassembler(image).at(image.symbols["Reset_Handler"].address)
    assert (found.flow, found.conditional, found.pushed) == (flow, conditional, pushed)


@pytest.mark.parametrize("before", range(NOPS))
def test_conditions_are_known_wherever_decoding_began(assembled_it_block: FirmwareImage, before: int) -> None:
    """An IT block keeps its meaning across the windows in which code is decoded."""
    code = Disassembler(assembled_it_block)
    conditional_return = assembled_it_block.symbols["Reset_Handler"].address + 2 * (NOPS + 3)
    address = conditional_return - 2 * (3 + before)
    while address < conditional_return:
        address += code.at(address).size
    found = code.at(conditional_return)
    assert (found.flow, found.conditional, found.text) == (Flow.RETURN, True, "bxeq lr")


@pytest.fixture(scope="module")
def assembled_it_block(tmp_path_factory: pytest.TempPathFactory) -> FirmwareImage:
    """Many instructions of two bytes, an IT block of three, the last a conditional return."""
    body = f".rept {NOPS}\nnop\n.endr\nitte ne\naddne r0, #1\naddne r1, #1\nbxeq lr\nb firmware_done"
    return build_assembly({"Reset_Handler": body}, M4, tmp_path_factory.mktemp("it"))


def test_outside_the_code_is_an_error(tmp_path: Path) -> None:
    image = build_assembly({"Reset_Handler": "b firmware_done"}, M4, tmp_path)
    with pytest.raises(ToolchainError, match="execution reaches 0x20000000"):
        Disassembler(image).at(0x20000000)
