"""Small kernels for every rule, counted by hand from the rule's source; each changes when its rule is switched off."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from sparse_mcu.costmodel.devices import core_names, load_core
from sparse_mcu.costmodel.timing import Profile
from sparse_mcu.costmodel.timing.causes import CAUSES, cause_of
from sparse_mcu.costmodel.timing.pricing import CycleCount, execution_of, price_execution
from sparse_mcu.costmodel.timing.rules import RESTRICTIONS, RULES, rule_names
from sparse_mcu.costmodel.timing.table import load_table

Assemble = Callable[[str, str], bytes]
MakeProfile = Callable[[bytes, Mapping[int, int], Mapping[int, int]], Profile]
M3, M4, M7, M33 = "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"
START = 0x08000100


def widths(code: bytes) -> list[int]:
    """The byte offsets of the instructions of code without data."""
    found, at = [], 0
    while at < len(code):
        found.append(at)
        at += 4 if code[at + 1] >> 3 >= 0b11101 else 2
    return found


def straight(core: str, code: bytes, *off: str) -> CycleCount:
    """Prices one execution of each instruction, in order, with some rules switched off."""
    executed = np.zeros((1, len(code) // 2), np.uint64)
    executed[0, [at // 2 for at in widths(code)]] = 1
    profile = Profile(START, executed, np.zeros_like(executed))
    return price_execution(execution_of(profile, code, load_core(core)), load_table(core).without(*off))


STRAIGHT = [
    # Eight loads: the first begins, each further one is hidden but for a cycle: 1 + 7 + 2 - 1.
    ("load after load", [M3, M4], "\n".join(f"ldr r{n}, [r8, #{4 * n}]" for n in range(7)) + "\nldr r7, [r8]", 9, 16),
    # A literal lies in flash and the data in RAM: LDR 2 and 2, then the second data load overlaps.
    ("load after load", [M3, M4], "ldr r0, [pc, #4]\nldr r1, [r4]\nldr r2, [r5]\nadds r6, #1", 2 + 1 + 2 + 1, 7),
    # Each indexed store takes two cycles, one of them under the load before: 3 + 3 + 3; two loads wait.
    (
        "indexed store after load",
        [M3, M4],
        "ldr r0, [r4, r7]\nstr r0, [r5, r7]\n" * 3 + "adds r7, #4\nsubs r6, #1",
        3 * 3 + 2 + 2,
        3 * 4 + 2 + 2,
    ),
    # Four stores a cycle each; the load waits a cycle for the last; then the loaded value is added.
    (
        "load after store",
        [M3, M4],
        "str r0, [r4]\nstr r1, [r4, #4]\nstr r2, [r4, #8]\nstr r3, [r4, #12]\nldr r5, [r4, #16]\nadds r5, r5, r0",
        4 + 1 + 2 + 1,
        4 + 2 + 1,
    ),
    # A NOP disappears behind a load.
    ("nop after load", [M3, M4], "ldr r0, [r4]\nnop\nadds r1, #1\nldr r2, [r5]\nnop\nadds r3, #1", 2 + 1 + 2 + 1, 8),
    # Every address is computed right before: one more cycle for each of four loads. A NOP between them hides it.
    ("address after arithmetic", [M3, M4], "adds r4, #4\nldr r0, [r4]\n" * 4 + "movs r1, #1", 4 * (1 + 1 + 2) + 1, 13),
    # Three times CMP, IT, ADD: the IT costs nothing behind a narrow CMP, and a cycle behind a wide one.
    ("it folded", [M3, M4], "cmp r0, #1\nit eq\naddeq r1, #1\n" * 3, 3 * 2, 3 * 3),
    ("it with the instruction before", [M33], "cmp.w r0, #1\nit eq\naddeq r1, #1\n" * 3, 3 * 2, 3 * 3),
    # NOP puts four wide instructions at odd halfwords: one cycle more for the group.
    ("three wide instructions", [M3, M4], "nop\n" + "add.w r0, r1, r2\n" * 4 + "nop", 1 + 4 + 1 + 1, 6),
    # Half of the narrow pairs begin with NOP; two additions never pair.
    ("nop in a pair", [M33], "nop\nadds r0, #1\n" * 4 + "adds r1, #1\nadds r2, #1", 4 + 2, 10),
    # A shifted constant that sets flags takes two cycles; without flags, or by a register, one.
    (
        "flags after a shift",
        [M33],
        "eors.w r0, r1, #0x1fc0\neor.w r0, r1, #0x1fc0\nadds.w r0, r1, r2, ror #4\neors.w r0, r1, #0x1fc0",
        2 + 1 + 1 + 2,
        4,
    ),
    # One shifter: the pair splits.
    ("two shifted operands", [M7], "eor.w r0, r1, r2, ror #3\neor.w r3, r4, r5, ror #3\n" * 2, 4, 2),
    ("shift before a shifted operand", [M7], "lsr.w r0, r1, #3\neor.w r3, r4, r5, ror #3\n" * 2, 3, 2),
    # The same register is written twice: cycle by cycle. MOVW and MOVT pair.
    ("same destination", [M7], "adds r0, r1, r2\nadds r0, r3, r4\nmovw r5, #1\nmovt r5, #2", 2 + 1, 2),
]


@pytest.mark.parametrize(
    ("rule", "core", "text", "cycles", "without"),
    [(rule, core, text, on, off) for rule, cores, text, on, off in STRAIGHT for core in cores],
)
def test_straight_kernels(assemble: Assemble, rule: str, core: str, text: str, cycles: int, without: int) -> None:
    code = assemble(core, text)
    assert straight(core, code).total == cycles
    assert straight(core, code, rule).total == without


def loop(make_profile: MakeProfile, core: str, code: bytes, passes: int, *off: str) -> int:
    """Prices a loop whose last instruction but one jumps back to its beginning."""
    *body, branch, after = widths(code)
    profile = make_profile(code, dict.fromkeys([*body, branch], passes) | {after: 1}, {branch: passes - 1})
    return price_execution(execution_of(profile, code, load_core(core)), load_table(core).without(*off)).total


@pytest.mark.parametrize("core", [M3, M4])
def test_a_wide_target_at_an_odd_halfword(assemble: Assemble, make_profile: MakeProfile, core: str) -> None:
    """The loop jumps nine times to MUL, which straddles two words. The NOP before the loop ran once."""
    code = assemble(core, "nop\n1: mul r0, r0, r2\nsubs r1, #1\ncmp r1, #0\nbne 1b\nmovs r3, #0")
    executed = {0: 1, 2: 10, 6: 10, 8: 10, 10: 10, 12: 1}
    execution = execution_of(make_profile(code, executed, {10: 9}), code, load_core(core))
    # Each pass: MUL 1, SUBS 1, CMP 1, BNE 2 (1 at the end); nine times a cycle more; NOP and MOVS.
    assert price_execution(execution, load_table(core)).total == 10 * 5 - 1 + 9 + 2
    assert price_execution(execution, load_table(core).without("wide target")).total == 10 * 5 - 1 + 2


@pytest.mark.parametrize(
    ("text", "rule", "cycles", "without"),
    [
        # SUBS sets flags: the taken branch takes two cycles, and the last one goes with SUBS.
        ("1: subs r7, #1\nbne 1b\nnop.w", "branch not taken in the second slot", 10 + 9 * 2 + 1, 10 + 9 * 2 + 2),
        # ADD sets none: each branch goes with it, taken in one further cycle.
        ("1: subs r7, #1\nadd r0, r1\nbne 1b\nnop.w", "branch taken in the second slot", 20 + 9 + 0 + 1, 20 + 18 + 1),
        # LDM takes four cycles, and so does the branch behind it.
        (
            "1: subs r7, #1\nldmia r6!, {r0-r3}\nbne 1b\nnop.w",
            "branch taken in the second slot",
            50 + 9 + 1,
            50 + 18 + 1,
        ),
    ],
)
def test_branches_of_m33(
    assemble: Assemble, make_profile: MakeProfile, text: str, rule: str, cycles: int, without: int
) -> None:
    code = assemble(M33, text)
    assert loop(make_profile, M33, code, 10) == cycles
    assert loop(make_profile, M33, code, 10, rule) == without


def test_a_mispredicted_end_of_a_loop_on_m7(assemble: Assemble, make_profile: MakeProfile) -> None:
    """Ten passes of four additions (two pairs, SUBS with BNE), and once 7 cycles."""
    code = assemble(M7, "1: adds r0, #1\nadds r1, #1\nadds r2, #1\nadds r3, #1\nsubs r7, #1\nbne 1b\nnop")
    assert loop(make_profile, M7, code, 10) == 10 * 3 + 7 + 1
    assert loop(make_profile, M7, code, 10, "misprediction") == 10 * 3 + 1


LATENCIES = [
    # Word: used in the next cycle; two cycles later as a factor, shifted, or in an address; at once by a store.
    (M7, "ldr r0, [r8]\nands r1, r0", 2),
    (M7, "ldr r0, [r8]\nmul r1, r0, r2", 3),
    (M7, "ldr r0, [r8]\neor.w r1, r2, r0, lsl #3", 3),
    (M7, "ldr r0, [r8]\nldr r1, [r0]", 3),
    (M7, "ldr r0, [r8]\nstr r0, [r9]", 1),
    # Byte: a cycle later than a word; in the next cycle by an accumulator.
    (M7, "ldrb r0, [r8]\nands r1, r0", 3),
    (M7, "ldrb r0, [r8]\nmla r1, r2, r3, r0", 2),
    # A rotated extension takes the word in the next cycle; one that also adds takes it a cycle later.
    (M7, "ldr r0, [r8]\nsxtb16 r1, r0, ror #8", 2),
    (M7, "ldr r0, [r8]\nsxtab16 r1, r2, r0, ror #8", 3),
    # Multiplies: latency 2, chained on the accumulator in each cycle.
    (M7, "mul r0, r1, r2\nands r3, r0", 3),
    (M7, "mla r0, r1, r2, r0\n" * 6, 6),
    # A bit field is no address in the next cycle, and a logical operation neither; an addition is.
    (M7, "uxtb r0, r1\nldr r2, [r0]", 3),
    (M7, "ands r0, r1\nldr r2, [r0]", 3),
    (M7, "adds r0, r1, #4\nldr r2, [r0]", 2),
    (M7, "ldr r0, [r8], #4\nldr r1, [r8], #4\nldr r2, [r8], #4", 3),
    # Single precision: three cycles, one to a store; fused: five, three to an accumulator.
    (M7, ".fpu fpv5-sp-d16\nvadd.f32 s0, s1, s2\nvmul.f32 s3, s0, s0", 4),
    (M7, ".fpu fpv5-sp-d16\nvadd.f32 s0, s1, s2\nvstr s0, [r0]", 2),
    (M7, ".fpu fpv5-sp-d16\nvfma.f32 s0, s1, s2\nvfma.f32 s0, s3, s4\nvfma.f32 s0, s5, s6", 7),
    (M33, "ldr r0, [r4]\nadds r1, r0, #1", 3),
    (M33, "ldr r0, [r4]\nstr r0, [r5]", 2),
    (M33, "ldr r0, [r4]\nmla r1, r2, r3, r0", 2),
    (M33, "mla r0, r1, r2, r0\n" * 6, 6),
    (M33, "smlad r0, r1, r2, r3\nadds r4, r0, #1", 3),
    (M33, "uadd8 r0, r1, r2\nadds r4, r0, #1", 3),
    (M33, ".fpu fpv5-sp-d16\nvadd.f32 s0, s1, s2\nvadd.f32 s3, s0, s2", 3),
    (M33, ".fpu fpv5-sp-d16\nvfma.f32 s0, s1, s2\nvfma.f32 s0, s3, s4", 4),
    # One cycle longer if the next instruction uses the result; a fused multiply takes three by itself.
    (M4, ".fpu fpv4-sp-d16\nvadd.f32 s0, s1, s2\nvmul.f32 s3, s0, s0", 3),
    (M4, ".fpu fpv4-sp-d16\nvadd.f32 s0, s1, s2\nvmul.f32 s3, s4, s4", 2),
    (M4, ".fpu fpv4-sp-d16\nvfma.f32 s0, s1, s2\nvfma.f32 s3, s4, s5", 6),
    (M4, ".fpu fpv4-sp-d16\nvldr s0, [r0]\nvstr s0, [r1]\nvpush {s0-s3}\nvdiv.f32 s0, s1, s2", 2 + 2 + 5 + 14),
]


@pytest.mark.parametrize(("core", "text", "cycles"), LATENCIES)
def test_results_take_their_time(assemble: Assemble, core: str, text: str, cycles: int) -> None:
    assert straight(core, assemble(core, text)).total == cycles


def test_a_wait_counts_for_what_it_waits_for(assemble: Assemble) -> None:
    causes = straight(M33, assemble(M33, "ldr r0, [r4]\nadds r1, r0, #1\nmla r0, r1, r2, r3\nadds r1, r0, #1")).causes
    assert causes["issue"] == (4,)
    assert causes["loads"] == causes["multiply"] == (1,)
    assert sum(sum(parts) for parts in causes.values()) == 6


def test_every_cause_has_a_place_and_sums_to_the_phases(assemble: Assemble) -> None:
    count = straight(M4, assemble(M4, "push {r0, r1}\nldr r0, [r4]\nudiv r0, r0, r1\npop {r0, r1}"))
    assert tuple(count.causes) == CAUSES
    assert count.phases == (sum(parts[0] for parts in count.causes.values()),)
    more = count.plus({"fetch": (5,), "loads": (2,)}, "with a memory system")
    assert more.total == count.total + 7
    assert more.model == "with a memory system"
    assert cause_of("vldr") == "loads"
    assert cause_of("vmla") == "floating point"


def test_every_rule_says_what_it_is_and_some_core_names_it() -> None:
    named = {rule for name in core_names() for rule in (*load_table(name).rules, *load_table(name).restrictions)}
    assert named == {*RULES, *RESTRICTIONS} - {"store after load"}, "the manual contradicts that measurement"
    assert all(text.endswith(".") or "\n" in text for text in rule_names().values())
