"""Flow and stack effects against a second reading: that of the instructions' text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from capstone import CS_GRP_CALL, CS_GRP_JUMP, CS_GRP_RET, CsInsn
from capstone.arm import ARM_REG_PC, ARM_REG_SP
from instructions import assemble
from small_firmware import build_assembly, build_c
from thumb_text import read_text

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.timing.thumb import FIRST_WIDE, thumb_decoder
from sparse_mcu.simulation.binary.disassembly import Disassembler, Flow, Instruction, classify
from sparse_mcu.simulation.binary.image import FirmwareImage, executable_code
from sparse_mcu.simulation.binary.stack_bound import stack_bound
from sparse_mcu.simulation.toolchain.protocol import Toolchain

M4 = load_board("nucleo-l4r5zi")
NOPS = 80

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


def narrow_instructions() -> Iterator[CsInsn]:
    """Every 16-bit encoding that is an instruction."""
    detailed = thumb_decoder(detail=True)
    for encoding in range(FIRST_WIDE):
        yield from detailed.disasm(encoding.to_bytes(2, "little"), 0x1000, 1)


def assert_agrees(ours: Instruction, theirs: CsInsn) -> None:
    """Ours is what its text says.

    It also writes the stack pointer or leaves the straight line if and only if capstone says so.
    """
    if not ours.text.startswith("cmp pc"):
        assert (ours.flow.name, ours.target, ours.conditional, ours.pushed) == read_text(ours.text), ours
    _, written = theirs.regs_access()
    leaves = ARM_REG_PC in written or any(group in theirs.groups for group in (CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET))
    adds_nothing = ours.text.endswith("sp, #0")
    assert (ours.pushed != 0) == (ARM_REG_SP in written and not adds_nothing), ours
    if not ours.text.startswith("cmp pc") and ours.flow is not Flow.STOP:
        assert (ours.flow is not Flow.NEXT) == leaves, ours


def test_every_narrow_encoding_is_understood() -> None:
    count = 0
    for theirs in narrow_instructions():
        assert_agrees(classify(theirs), theirs)
        count += 1
    assert count > 50_000


def test_one_instruction_of_every_form_is_understood(tmp_path: Path) -> None:
    machine_code = assemble(load_board("nucleo-u575zi-q").core, tmp_path)
    assert len(machine_code) > 300
    for text, raw in machine_code.items():
        for theirs in thumb_decoder(detail=True).disasm(raw, 0x8000000, 1):
            ours = classify(theirs)
            assert (ours.flow.name, ours.target, ours.conditional, ours.pushed) == read_text(ours.text), text


@pytest.mark.parametrize("board_name", ["microbit", "bluepill", "nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_compiled_code_is_understood(toolchain: Toolchain, tmp_path: Path, board_name: str) -> None:
    image = build_c(CODE, load_board(board_name), tmp_path, toolchain)
    start, code = executable_code(image)
    ours, detailed = Disassembler(image), thumb_decoder(detail=True)
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
        ("subs sp, sp, #8", Flow.NEXT, False, 8),
        (".inst.w 0xf1a70d08", Flow.NEXT, False, None),
        ("msr msp, r0", Flow.NEXT, False, None),
        ("ldrd r0, r1, [sp], #8", Flow.NEXT, False, -8),
        (".inst.w 0xed2d8b02", Flow.NEXT, False, None),
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
