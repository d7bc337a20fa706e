"""Decoding executed addresses."""

from collections.abc import Callable

import numpy as np
import pytest

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.errors import UnknownInstructionError
from sparse_mcu.costmodel.timing.decode import Instruction, decode

Assemble = Callable[[str, str], bytes]
START = 0x08000100


def decode_all(code: bytes, core: str = "cortex-m4", *, offsets: list[int]) -> tuple[Instruction, ...]:
    executed = np.zeros(len(code) // 2, np.bool_)
    executed[[offset // 2 for offset in offsets]] = True
    return decode(code, executed, load_core(core), START)


def one(assemble: Assemble, text: str, core: str = "cortex-m4") -> Instruction:
    (found,) = decode_all(assemble(core, text), core, offsets=[0])
    return found


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("adds r0, r0, r1", ("add.n", "add")),
        ("add.w r0, r0, r1", ("add",)),
        ("teq r0, r1", ("teq",)),
        ("mls r0, r1, r2, r3", ("mls",)),
        ("bics r0, r1", ("bic.n", "bic")),
        ("movs r0, #1", ("mov.n", "mov")),
        ("lsls r0, r1, #2", ("lsl.n", "lsl")),
        ("svc #0", ("svc.n", "svc")),
        ("vcs: bcs vcs", ("b.n", "b")),
        ("bls.w 1f\n1:", ("b",)),
        ("ldr r0, [pc, #4]", ("ldr.literal", "ldr.n", "ldr")),
        ("bx lr", ("bx.lr", "bx.n", "bx")),
        ("pop {r0, pc}", ("pop.pc", "pop.n", "pop")),
        ("strb r0, [r1, r2]", ("strb.reg", "strb.n", "strb")),
        ("str.w r0, [r1, r2, lsl #2]", ("str.reg", "str")),
        ("str r0, [r1, #4]", ("str.n", "str")),
        ("push {r4, lr}", ("push.n", "push")),
        ("push.w {r8, lr}", ("push",)),
        ("smmulr r0, r1, r2", ("smmulr",)),
    ],
)
def test_conditions_flags_and_widths_are_no_part_of_a_name(
    assemble: Assemble, text: str, keys: tuple[str, ...]
) -> None:
    assert one(assemble, text).keys == keys


@pytest.mark.parametrize(
    ("text", "registers"),
    [
        ("push {r4, r5, lr}", 3),
        ("pop {r0}", 1),
        ("pop {r4, r5, r6, pc}", 4),
        ("push.w {r4-r11, lr}", 9),
        ("ldmia r0!, {r1, r2}", 2),
        ("ldmia r1, {r1, r2}", 2),
        ("stmdb r0!, {r1-r7}", 7),
        ("ldmdb r0, {r1-r3}", 3),
        ("stmia r0!, {r5}", 1),
        ("ldr r0, [r1]", 0),
        ("add r0, r1, r2", 0),
    ],
)
def test_register_lists_are_counted_without_their_base(assemble: Assemble, text: str, registers: int) -> None:
    assert one(assemble, text).operands.words == registers


def test_a_written_back_base_is_not_loaded(assemble: Assemble) -> None:
    post, chase, store = (one(assemble, text) for text in ("ldr r0, [r1], #4", "ldr r0, [r0]", "str r0, [r1, r2]"))
    assert post.operands.loads == {0}
    assert post.operands.results == {0, 1}
    assert chase.operands.loads == chase.reads("address") == {0}
    assert not store.operands.results
    assert store.reads("address") == {1, 2}
    assert store.reads("data") == {0}


@pytest.mark.parametrize(
    ("text", "reads", "results"),
    [
        ("add.w r0, r1, r2, lsl #3", {(1, "operand"), (2, "shifted")}, {0}),
        ("adds r0, #1", {(0, "operand")}, {0}),
        ("movs r0, #1", set(), {0}),
        ("movt r0, #1", {(0, "operand")}, {0}),
        ("smlad r0, r1, r2, r3", {(1, "factor"), (2, "factor"), (3, "accumulator")}, {0}),
        ("smlal r0, r1, r2, r3", {(0, "accumulator"), (1, "accumulator"), (2, "factor"), (3, "factor")}, {0, 1}),
        ("smull r0, r1, r2, r3", {(2, "factor"), (3, "factor")}, {0, 1}),
        ("uxtab r0, r1, r2, ror #8", {(1, "accumulator"), (2, "shifted")}, {0}),
        ("uxtb16 r0, r1, ror #8", {(1, "operand")}, {0}),
        ("bfi r0, r1, #3, #4", {(0, "operand"), (1, "shifted")}, {0}),
        ("cmp r0, r1", {(0, "operand"), (1, "operand")}, set()),
        ("ldm r0!, {r1, r2}", {(0, "address")}, {0, 1, 2}),
        ("push {r0, r1}", {(13, "address"), (0, "data"), (1, "data")}, {13}),
        (".fpu fpv4-sp-d16\nvfma.f32 s0, s1, s2", {(16, "accumulator"), (17, "operand"), (18, "operand")}, {16}),
        (".fpu fpv4-sp-d16\nvmov r0, r1, d1", {(18, "operand"), (19, "operand")}, {0, 1}),
        (".fpu fpv4-sp-d16\nvldr d0, [r1]", {(1, "address")}, {16, 17}),
        (".fpu fpv4-sp-d16\nvpop {s0, s1}", {(13, "address")}, {13, 16, 17}),
    ],
)
def test_operands_have_roles(assemble: Assemble, text: str, reads: set[tuple[int, str]], results: set[int]) -> None:
    operands = one(assemble, text).operands
    assert set(operands.reads) == reads
    assert operands.results == results


@pytest.mark.parametrize(
    ("text", "is_shifted"),
    [
        ("add.w r0, r1, r2, ror #24", True),
        ("eor r0, r1, #0x1fc0", True),
        ("eor r0, r1, #0x1b1b1b1b", False),
        ("eor r0, r1, #0x00ab00ab", False),
        ("eor r0, r1, #0xab00ab00", False),
        ("add.w r0, r1, #255", False),
        ("addw r0, r1, #4089", False),
        ("movw r0, #4660", False),
        ("lsl.w r0, r1, #3", False),
        ("sxtb16 r0, r1, ror #8", False),
    ],
)
def test_shifted_second_operands_are_told_apart(assemble: Assemble, text: str, is_shifted: bool) -> None:
    assert one(assemble, text).is_shifted is is_shifted


def test_only_executed_halfwords_are_decoded(assemble: Assemble) -> None:
    """Half of `bl` would be an instruction of its own, and the pool between the functions none at all."""
    code = assemble("cortex-m4", "bl 1f\n.word 0xffffffff\n1: movs r0, #1\nbx lr")
    found = decode_all(code, offsets=[0, 8, 10])
    assert [(item.index, item.halfwords, item.keys[-1]) for item in found] == [
        (0, 2, "bl"),
        (4, 1, "mov"),
        (5, 1, "bx"),
    ]


def test_instructions_of_an_it_block_are_decoded_in_their_block(assemble: Assemble) -> None:
    code = assemble("cortex-m4", "itte ne\naddne r0, r1\nldrne r2, [r3]\nmoveq.w r4, r5\nadds r0, r1")
    found = decode_all(code, offsets=[0, 2, 4, 6, 10])
    assert [item.keys[-1] for item in found] == ["it", "add", "ldr", "mov", "add"]


@pytest.mark.parametrize(("text", "name"), [("lda r0, [r1]", "lda"), ("bxns lr", "bxns"), ("tt r0, r1", "tt")])
def test_m33_has_the_instructions_of_armv8m(assemble: Assemble, text: str, name: str) -> None:
    assert one(assemble, text, "cortex-m33").keys[-1] == name


@pytest.mark.parametrize("code", [b"\xff\xff\xff\xff", b"\x00\xbf\xff\xff\xff\xff"])
def test_bytes_that_are_no_instruction_are_named(code: bytes) -> None:
    with pytest.raises(UnknownInstructionError, match=r"0x0800010[02]: bytes ffffffff are no instruction of cortex-m4"):
        decode_all(code, offsets=list(range(0, len(code) - 2, 2)))


def test_a_mark_inside_an_instruction_is_refused(assemble: Assemble) -> None:
    """Both halves of `movw` are marked."""
    code = assemble("cortex-m4", "movw r0, #1234\nnop")
    with pytest.raises(UnknownInstructionError, match=r"0x08000102: executed, but within another"):
        decode_all(code, offsets=[0, 2])


@pytest.mark.parametrize("code", [b"", b"\x00\xbf", b"\x00\xbf\x00"])
def test_execution_past_the_code_is_refused(code: bytes) -> None:
    executed = np.array([False, True])
    with pytest.raises(UnknownInstructionError, match=r"0x08000102: executed, but past"):
        decode(code, executed, load_core("cortex-m4"), START)


def test_a_wide_instruction_cut_off_at_the_end_is_refused(assemble: Assemble) -> None:
    code = assemble("cortex-m4", "movw r0, #1234")[:2]
    with pytest.raises(UnknownInstructionError, match="no instruction"):
        decode_all(code, offsets=[0])


@pytest.mark.parametrize(
    ("text", "target"),
    [("1: b 1b", 0), ("cbz r0, 1f\nnop\n1:", 2), ("beq.w 1f\nnop\n1:", 3), ("bl 1f\nnop\n1:", 3), ("bx lr", None)],
)
def test_direct_branches_name_their_target(assemble: Assemble, text: str, target: int | None) -> None:
    assert decode_all(assemble("cortex-m4", text), offsets=[0])[0].target == target
