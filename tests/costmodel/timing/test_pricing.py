"""Cycles counted by hand, and the laws that pricing obeys."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparse_mcu.costmodel.devices import load_board, load_core
from sparse_mcu.costmodel.errors import UnknownInstructionError
from sparse_mcu.costmodel.timing import Profile, energy_uj, latency_ms, price

Assemble = Callable[[str, str], bytes]
MakeProfile = Callable[[bytes, Mapping[int, int], Mapping[int, int]], Profile]
Counts = npt.NDArray[np.uint64]

START = 0x08000100
M0, M0PLUS, M3, M4, M7, M33 = "cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"

THREE_LOADS = "ldr r0, [r4]\nldr r1, [r4, #4]\nldr r2, [r4, #8]\nadds r0, r0, r1"
POINTER_CHASE = "ldr r0, [r4]\nldr r1, [r0]"
LOAD_AND_USE = "ldr r0, [r4]\nadds r0, r0, r1"
LOAD_BYTE_AND_USE = "ldrb r0, [r4]\nadds r0, r0, r1"
LOAD_AND_STORE = "ldr r0, [r4]\nstr r0, [r5]"
STORE_INDEXED = "strb r0, [r4, r5]"
CALL_FRAME = "push {r4, r5, lr}\npop {r4, r5, pc}"
BLOCK_COPY = "ldmia r0!, {r2, r3, r4, r5}\nstmia r1!, {r2, r3, r4, r5}"
WIDE_PUSH = "push.w {r4-r11, lr}\npop.w {r4-r11, lr}"
IT_BLOCK = "cmp r0, #1\nitte eq\naddeq r0, #1\nldreq r1, [r2]\nmovne r3, r4"
CONSTANTS = "movw r0, #1234\nmovt r0, #1\nmov.w r1, #0x10000\nadd.w r0, r0, r1, lsl #2"
DIVIDE = "udiv r0, r1, r2\nsdiv r0, r1, r2"
LONG_MULTIPLY = "smull r0, r1, r2, r3\nsmlal r0, r1, r2, r3\nmla r0, r1, r2, r3"
DSP = "smlad r0, r1, r2, r0\nsxtb16 r1, r2, ror #8\nsmmulr r0, r1, r2"
FOUR_BY_FOUR = (
    "ldr r0, [r8]\nldr r1, [r8, #4]\nldr r2, [r9]\nldr r3, [r9, #4]\n"
    "smlad r4, r0, r2, r4\nsmlad r5, r0, r3, r5\nsmlad r6, r1, r2, r6\nsmlad r7, r1, r3, r7"
)
DOUBLE = "ldrd r0, r1, [r4]\nstrd r0, r1, [r5]"
LOOKALIKES = "teq r0, r1\nmls r0, r1, r2, r3\nbics r0, r1\nmovs r0, #1\nlsls r0, r1, #2"

STRAIGHT = [
    # N independent loads take N + 1 on M3 and M4; on M7 they pair with each other and with arithmetic.
    (THREE_LOADS, {M0: 7, M0PLUS: 7, M3: 5, M4: 5, M7: 2, M33: 4}),
    (POINTER_CHASE, {M0: 4, M0PLUS: 4, M3: 4, M4: 4, M7: 3, M33: 3}),  # M7: an address needs the word a cycle early
    (LOAD_AND_USE, {M0: 3, M0PLUS: 3, M3: 3, M4: 3, M7: 2, M33: 3}),
    (LOAD_BYTE_AND_USE, {M0: 3, M0PLUS: 3, M3: 3, M4: 3, M7: 3, M33: 3}),
    (LOAD_AND_STORE, {M0: 4, M0PLUS: 4, M3: 3, M4: 3, M7: 1, M33: 2}),
    (STORE_INDEXED, {M0: 2, M0PLUS: 2, M3: 2, M4: 2, M7: 1, M33: 1}),
    (BLOCK_COPY, {M0: 10, M0PLUS: 10, M3: 10, M4: 10, M7: 4, M33: 8}),
    (WIDE_PUSH, {M3: 20, M4: 20, M7: 10, M33: 18}),
    (IT_BLOCK, {M3: 5, M4: 5, M7: 3, M33: 4}),  # folded into CMP
    (CONSTANTS, {M3: 4, M4: 4, M7: 4, M33: 4}),  # M7: MOVW and MOVT pair; a shifted constant is late for a shifter
    (DIVIDE, {M3: 14, M4: 14, M7: 14, M33: 14}),
    (LONG_MULTIPLY, {M3: 12, M4: 3, M7: 4, M33: 4}),  # MLA multiplies what SMLAL has just made
    (DSP, {M4: 3, M7: 3, M33: 3}),  # M7: SXTB16 must be the older of a pair
    (DOUBLE, {M3: 6, M4: 6, M7: 2, M33: 4}),
    (LOOKALIKES, {M3: 6, M4: 5, M7: 5, M33: 6}),  # M7, M33: BICS waits a cycle for MLS
    (FOUR_BY_FOUR, {M4: 9, M7: 7, M33: 8}),  # M7: SMLAD waits a cycle for the second pair of loads
]


def straight(code: bytes, times: int, sizes: list[int]) -> Profile:
    executed = np.zeros((1, len(code) // 2), np.uint64)
    executed[0, [offset // 2 for offset in sizes]] = times
    return Profile(START, executed, np.zeros_like(executed))


def offsets(code: bytes) -> list[int]:
    """Where instructions begin in code without data: the first halfword tells the width."""
    found, at = [], 0
    while at < len(code):
        found.append(at)
        at += 4 if int.from_bytes(code[at : at + 2], "little") >> 11 >= 0b11101 else 2
    return found


@pytest.mark.parametrize(
    ("text", "core", "cycles"),
    [(text, core, cycles) for text, expected in STRAIGHT for core, cycles in expected.items()],
)
def test_straight_code(assemble: Assemble, text: str, core: str, cycles: int) -> None:
    code = assemble(core, text)
    count = price(straight(code, 10, offsets(code)), code, load_core(core))
    assert count.phases == (10 * cycles,)
    assert count.total == 10 * cycles


@pytest.mark.parametrize(
    ("core", "cycles"),
    [
        (M0, 10 + 9 * 3 + 1 + 1),
        (M0PLUS, 10 + 9 * 2 + 1 + 1),
        (M3, 10 + 9 * 2 + 1 + 1),
        (M4, 10 + 9 * 2 + 1 + 1),
        (M7, 10 + 7 + 1),  # a pass a cycle, and the misprediction that ends the loop
        (M33, 10 + 9 * 2 + 0 + 1),
    ],
)
def test_a_loop_of_ten_passes(assemble: Assemble, make_profile: MakeProfile, core: str, cycles: int) -> None:
    code = assemble(core, "1: subs r0, #1\nbne 1b\nmovs r1, #0")
    profile = make_profile(code, {0: 10, 2: 10, 4: 1}, {2: 9})
    assert price(profile, code, load_core(core)).total == cycles


@pytest.mark.parametrize(
    ("core", "taken", "not_taken"), [(M0, 3, 1), (M0PLUS, 2, 1), (M4, 2, 1), (M7, 1 + 7, 1), (M33, 2, 1)]
)
def test_a_branch_forwards(
    assemble: Assemble, make_profile: MakeProfile, core: str, taken: int, not_taken: int
) -> None:
    """On M7 the rarer way is mispredicted."""
    code = assemble(core, "beq 1f\nudf #0\n1: nop")
    profile = make_profile(code, {0: 10}, {0: 4})
    assert price(profile, code, load_core(core)).total == 4 * taken + 6 * not_taken


def test_pairs_on_m7_are_formed_anew_at_a_branch_target(assemble: Assemble, make_profile: MakeProfile) -> None:
    """Were the first `adds` and the second a pair, the loop's body would begin with half a pair."""
    core = load_core(M7)
    body = "adds r3, #1\n1: adds r0, #1\nadds r1, #1\nbne 1b"
    code = assemble(M7, body)
    executed, taken = {0: 1, 2: 10, 4: 10, 6: 10}, {6: 9}
    assert price(make_profile(code, executed, taken), code, core).total == 1 + 10 + 10 + 7
    straight_on = assemble(M7, body.replace("bne 1b", "nop"))
    assert price(make_profile(straight_on, dict.fromkeys(executed, 10), {}), straight_on, core).total == 20


@pytest.mark.parametrize("jump", ["bx r5", "adds r3, #1\nbx r5"])
def test_no_pair_on_m7_reaches_over_code_that_did_not_run(
    assemble: Assemble, make_profile: MakeProfile, jump: str
) -> None:
    """The jump, alone or the second of a pair takes two cycles; the two additions behind the gap are a pair."""
    code = assemble(M7, f"{jump}\nudf #0\nadds r0, #1\nadds r1, #1")
    *before, leap, _, first, second = offsets(code)
    profile = make_profile(code, dict.fromkeys(before, 1) | {leap: 1, first: 10, second: 10}, {leap: 1})
    assert price(profile, code, load_core(M7)).total == 2 + 10


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("adds r0, r1, r2\nadds r3, r4, r5", 1),
        ("adds r0, r1, r2\nadds r3, r0, r5", 1),  # the first runs in the early ALU, the second in the late one
        ("ands r0, r1\nadds r3, r0, r5", 2),  # a logical operation has only the late ALU
        ("adds r0, r1, r2\nadds r0, r4, r5", 2),  # writes the same register
        ("adds r0, r1, r2\nadds r1, r4, r5", 1),  # overwrites a source: in order, so no conflict
        ("mul r0, r1, r2\nmul r3, r4, r5", 2),  # one multiplier
        ("mul r0, r1, r2\nldr r3, [r4]", 1),
        ("str r0, [r1]\nstr r2, [r3]", 2),  # one store pipe
        ("str r0, [r1]\nldr r2, [r3]", 1),
        ("udiv r0, r1, r2\nadds r3, r4, r5", 8),  # issues alone
        ("push {r0}\nadds r3, r4, r5", 2),  # issues alone
        ("ldr r0, [r1], #4\nldr r2, [r1], #4", 2),  # the second's address is the first's result
        ("ldr r0, [r1], #4\nldr r2, [r3], #4", 1),
        ("adds r0, r1, r2\nstr r0, [r4]", 1),  # a store needs its data late
        ("ands r0, r1\nstr r3, [r0]", 3),  # but its address a cycle early
    ],
)
def test_what_m7_issues_together(assemble: Assemble, text: str, cycles: int) -> None:
    code = assemble(M7, text)
    assert price(straight(code, 3, offsets(code)), code, load_core(M7)).total == 3 * cycles


@pytest.mark.parametrize(("core", "cycles"), [(M0, 11), (M0PLUS, 10), (M3, 11), (M4, 11), (M7, 5), (M33, 9)])
def test_return_by_pop(assemble: Assemble, make_profile: MakeProfile, core: str, cycles: int) -> None:
    code = assemble(core, CALL_FRAME)
    assert price(make_profile(code, {0: 1, 2: 1}, {2: 1}), code, load_core(core)).total == cycles


@pytest.mark.parametrize(("core", "cycles"), [(M0, 4 + 3), (M0PLUS, 3 + 2), (M3, 4), (M4, 4), (M7, 4), (M33, 4)])
def test_call_and_return(assemble: Assemble, make_profile: MakeProfile, core: str, cycles: int) -> None:
    code = assemble(core, "bl 1f\nnop\n1: bx lr")
    assert price(make_profile(code, {0: 1, 6: 1}, {0: 1, 6: 1}), code, load_core(core)).total == cycles


@pytest.mark.parametrize(("core", "taken", "not_taken"), [(M3, 2.5, 1), (M4, 2.5, 1), (M7, 1 + 7, 1), (M33, 2, 1)])
def test_compare_and_branch_and_wide_branch(
    assemble: Assemble, make_profile: MakeProfile, core: str, taken: float, not_taken: int
) -> None:
    """M3 and M4 take three cycles for CBZ, which is decided in execute, and two for the branch."""
    code = assemble(core, "cbz r0, 1f\nbeq.w 1f\nnop\n1: nop")
    profile = make_profile(code, {0: 3, 2: 2}, {0: 1, 2: 1})
    assert price(profile, code, load_core(core)).total == 2 * taken + 3 * not_taken


def test_a_16_bit_multiply_sets_flags_late_on_m33(assemble: Assemble) -> None:
    core = load_core(M33)
    for text, cycles in (("muls r0, r1, r0", 2), ("mul.w r0, r1, r0", 1)):
        code = assemble(M33, text)
        assert price(straight(code, 1, [0]), code, core).total == cycles


def test_a_load_pairs_only_with_the_load_that_really_follows(assemble: Assemble, make_profile: MakeProfile) -> None:
    """What the second load saves hangs on how often execution came through the first."""
    code = assemble(M4, "ldr r0, [r4]\nldr r1, [r5]\nnop")
    core = load_core(M4)
    assert price(make_profile(code, {0: 10, 2: 10}, {}), code, core).total == 10 * 3
    assert price(make_profile(code, {2: 10}, {}), code, core).total == 10 * 2
    assert price(make_profile(code, {0: 10, 2: 25}, {}), code, core).total == 10 * 3 + 15 * 2


def test_a_load_of_the_pc_refills_the_pipeline(assemble: Assemble, make_profile: MakeProfile) -> None:
    code = assemble(M4, "ldr.w pc, [r0]\nldr r1, [r2]")
    assert price(make_profile(code, {0: 1, 4: 1}, {0: 1}), code, load_core(M4)).total == 5 + 2


def test_literal_pools_are_not_decoded(assemble: Assemble, make_profile: MakeProfile) -> None:
    """The word between the two functions decodes as nothing, and nobody executes it."""
    code = assemble(M4, "ldr r0, 1f\nbx lr\n1: .word 0xffffffff\nmovs r0, #1\nbx lr")
    profile = make_profile(code, {0: 1, 2: 1, 8: 1, 10: 1}, {2: 1, 10: 1})
    assert price(profile, code, load_core(M4)).total == 2 + 2 + 1 + 2


def test_every_model_says_that_it_is_an_estimate_and_of_what(assemble: Assemble) -> None:
    for core in (M0, M0PLUS, M3, M4, M7, M33):
        code = assemble(core, "nop")
        count = price(straight(code, 1, [0]), code, load_core(core))
        assert count.estimate
        assert count.model.startswith(core)
        assert "estimate" in count.model


def test_an_empty_run_costs_nothing() -> None:
    nothing = np.zeros((2, 4), np.uint64)
    assert price(Profile(START, nothing, nothing), bytes(8), load_core(M4)).phases == (0, 0)


def test_an_instruction_without_a_row_is_named_with_the_file(assemble: Assemble, make_profile: MakeProfile) -> None:
    code = assemble(M4, "nop\nsmlad r0, r1, r2, r3")
    with pytest.raises(
        UnknownInstructionError, match=r"0x08000102: .*cortex-m3 has no row for 'smlad'.*timing/cores/cortex-m3\.toml"
    ):
        price(make_profile(code, {0: 1, 2: 1}, {}), code, load_core(M3))


MIXED = (
    "push {r4, lr}\n1: ldr r0, [r1]\nldr r2, [r1, #4]\nldrb r3, [r2]\nadds r3, #1\nstrb r3, [r2]\nsubs r5, #1\nbne 1b\n"
    "ldmia r1!, {r2, r3}\nmuls r2, r3, r2\npop {r4, pc}"
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[Counts, Counts]:
    """uint64 [phases, 11], executed and taken, taken never more than executed."""
    shape = (draw(st.integers(1, 4)), 11)
    executed = draw(hnp.arrays(np.uint64, shape, elements=st.integers(0, 10**9)))
    skipped = draw(hnp.arrays(np.uint64, shape, elements=st.integers(0, 10**9)))
    return executed, executed - np.minimum(executed, skipped)


@pytest.mark.parametrize("name", [M0, M0PLUS, M3, M4, M7, M33])
@settings(max_examples=25, deadline=None)
@given(counts(), st.integers(0, 1000))
def test_pricing_is_additive_over_phases_and_linear_in_counts(
    assemble: Assemble, name: str, given_counts: tuple[Counts, Counts], factor: int
) -> None:
    executed, taken = given_counts
    code, core = assemble(name, MIXED), load_core(name)
    profile = Profile(START, executed, taken)
    parts = price(profile, code, core).phases
    merged = Profile(START, executed.sum(axis=0, keepdims=True), taken.sum(axis=0, keepdims=True))
    whole = price(merged, code, core).phases
    assert (sum(parts),) == whole
    scaled = replace(profile, executed=executed * np.uint64(factor), taken=taken * np.uint64(factor))
    assert price(scaled, code, core).phases == tuple(factor * part for part in parts)


def test_latency_and_energy() -> None:
    board = load_board("nucleo-l4r5zi")
    assert latency_ms(120_000_000, board) == 1000.0
    assert Fraction(energy_uj(120_000, board)) == Fraction(40.75)
