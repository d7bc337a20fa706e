"""Every instruction that a compiler can emit for a core has a price: one line of assembly for each mnemonic."""

import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from code_sections import all_code
from elftools.elf.elffile import ELFFile
from needed import need

from sparse_mcu.costmodel.devices import core_names, load_core
from sparse_mcu.costmodel.timing import Profile, price
from sparse_mcu.costmodel.timing.decode import decode

ARMV6 = """
adcs r0, r1|adds r0, r1, r2|adds r0, #1|add r0, sp, #4|add sp, #8|adr r0, 1f|ands r0, r1|asrs r0, r1, #3|asrs r0, r1
b 1f|beq 1f|bics r0, r1|bkpt 0|bl 1f|blx r3|bx r3|bx lr|cmn r0, r1|cmp r0, r1|cmp r0, #3|cpsid i|dmb|dsb
eors r0, r1|isb
ldm r0!, {r1, r2}|ldr r0, [r1]|ldr r0, 1f|ldr r0, [sp, #4]|ldr r0, [r1, r2]|ldrb r0, [r1]|ldrh r0, [r1]
ldrsb r0, [r1, r2]
ldrsh r0, [r1, r2]|lsls r0, r1, #2|lsls r0, r1|lsrs r0, r1, #2|mov r0, r1|movs r0, #1|mov pc, lr|mrs r0, primask
msr primask, r0|muls r0, r1, r0|mvns r0, r1|nop|orrs r0, r1|pop {r0, r1}|pop {r0, pc}|push {r0, lr}|rev r0, r1
rev16 r0, r1
revsh r0, r1|rors r0, r1|rsbs r0, r1, #0|sbcs r0, r1|sev|stm r0!, {r1, r2}|str r0, [r1]|str r0, [r1, r2]|strb r0, [r1]
strh r0, [r1]|subs r0, r1, r2
sub sp, #8|svc 0|sxtb r0, r1|sxth r0, r1|tst r0, r1|udf #0
uxtb r0, r1|uxth r0, r1|wfe|wfi|yield
"""
ARMV7 = """
adc r0, r1, r2|add.w r0, r1, #1|addw r0, r1, #4000|and r0, r1, #3|asr r0, r1, r2|b.w 1f|beq.w 1f|bfc r0, #2, #3
bfi r0, r1, #2, #3|bic r0, r1, r2|cbz r0, 1f|cbnz r0, 1f|clrex|clz r0, r1|cmn r0, #3|dbg #0|eor r0, r1, r2
ldmdb r0!, {r1, r2}
ldr r0, [r1], #4|ldr r0, [r1, #4]!|ldr r0, [r1, r2, lsl #2]|ldr pc, [r1]|ldrb r0, [r1], #1|ldrd r0, r1, [r2]
ldrex r0, [r1]
ldrexb r0, [r1]|ldrexh r0, [r1]|ldrh r0, [r1], #2|ldrht r0, [r1]|ldrsb r0, [r1]|ldrsbt r0, [r1]|ldrsh r0, [r1]
ldrsht r0, [r1]
ldrt r0, [r1]|ldrbt r0, [r1]|lsl r0, r1, r2|lsr r0, r1, #2|mla r0, r1, r2, r3|mls r0, r1, r2, r3|movt r0, #1
movw r0, #1
mrs r0, basepri|msr basepri, r0|mul r0, r1, r2|mvn r0, r1|orn r0, r1, r2|orr r0, r1, r2|pld [r0]|push {r8, lr}
pop {r8, pc}
rbit r0, r1|ror r0, r1, #3|rrx r0, r1|rsb r0, r1, r2|sbc r0, r1, r2|sbfx r0, r1, #2, #3|sdiv r0, r1, r2
smlal r0, r1, r2, r3
smull r0, r1, r2, r3|ssat r0, #7, r1|stmdb r0!, {r1, r2}|str r0, [r1], #4|strb r0, [r1], #1|strd r0, r1, [r2]
strex r0, r1, [r2]|strexb r0, r1, [r2]|strexh r0, r1, [r2]|strh r0, [r1], #2|strt r0, [r1]|strbt r0, [r1]
strht r0, [r1]
sub.w r0, r1, #1|subw r0, r1, #4000|tbb [pc, r0]|tbh [pc, r0, lsl #1]|teq r0, r1|tst r0, #1|ubfx r0, r1, #2, #3
udiv r0, r1, r2|umlal r0, r1, r2, r3|umull r0, r1, r2, r3|usat r0, #7, r1|it eq; moveq r0, r1
"""
_PARALLEL = ("s", "u", "q", "uq", "sh", "uh")
DSP = "|".join(
    [f"{sign}{name} r0, r1, r2" for sign in _PARALLEL for name in ("add8", "add16", "asx", "sax", "sub8", "sub16")]
    + [f"smul{x}{y} r0, r1, r2|smla{x}{y} r0, r1, r2, r3|smlal{x}{y} r0, r1, r2, r3" for x in "bt" for y in "bt"]
    + [f"smulw{x} r0, r1, r2|smlaw{x} r0, r1, r2, r3" for x in "bt"]
    + [f"{n}{x} r0, r1, r2, r3" for n in ("smlad", "smlsd", "smlald", "smlsld") for x in ("", "x")]
    + [f"{n}{x} r0, r1, r2" for n in ("smuad", "smusd") for x in ("", "x")]
    + [f"{n}{x} r0, r1, r2, r3" for n in ("smmla", "smmls") for x in ("", "r")]
    + [f"{s}xt{n} r0, r1, r2, ror #8" for s in "su" for n in ("ab", "ah", "ab16")]
    + ["qadd r0, r1, r2|qsub r0, r1, r2|qdadd r0, r1, r2|qdsub r0, r1, r2|sel r0, r1, r2|usad8 r0, r1, r2"]
    + ["usada8 r0, r1, r2, r3|ssat16 r0, #7, r1|usat16 r0, #7, r1|pkhbt r0, r1, r2, lsl #2|pkhtb r0, r1, r2, asr #2"]
    + ["sxtb16 r0, r1|uxtb16 r0, r1|smmul r0, r1, r2|smmulr r0, r1, r2|umaal r0, r1, r2, r3"]
)
ARMV8M = """
lda r0, [r1]|ldab r0, [r1]|ldah r0, [r1]|stl r0, [r1]|stlb r0, [r1]|stlh r0, [r1]|ldaex r0, [r1]|ldaexb r0, [r1]
ldaexh r0, [r1]|stlex r0, r1, [r2]|stlexb r0, r1, [r2]|stlexh r0, r1, [r2]|bxns lr|blxns r3|sg|tt r0, r1|ttt r0, r1
tta r0, r1|ttat r0, r1
"""
FLOAT = """
vabs.f32 s0, s1|vadd.f32 s0, s1, s2|vcmp.f32 s0, s1|vcmp.f32 s0, #0|vcmpe.f32 s0, s1
vcvt.s32.f32 s0, s1|vcvt.f32.u32 s0, s1
vcvtr.s32.f32 s0, s1|vcvt.f32.s32 s0, s0, #4|vcvtb.f32.f16 s0, s1|vcvtt.f16.f32 s0, s1|vdiv.f32 s0, s1, s2
vfma.f32 s0, s1, s2
vfms.f32 s0, s1, s2|vfnma.f32 s0, s1, s2|vfnms.f32 s0, s1, s2|vldmia r0!, {s0-s3}|vldmdb r0!, {d0-d1}|vldr s0, [r1]
vldr d0, [r1]|vmla.f32 s0, s1, s2|vmls.f32 s0, s1, s2|vmov s0, r0|vmov r0, s0|vmov s0, s1, r0, r1|vmov r0, r1, s0, s1
vmov d0, r0, r1|vmov r0, r1, d0|vmov.f32 s0, s1|vmov.f32 s0, #1.0|vmrs apsr_nzcv, fpscr|vmrs r0, fpscr|vmsr fpscr, r0
vmul.f32 s0, s1, s2|vneg.f32 s0, s1|vnmla.f32 s0, s1, s2|vnmls.f32 s0, s1, s2|vnmul.f32 s0, s1, s2|vpop {d8-d9}
vpush {d8-d9}|vpush {s0}|vsqrt.f32 s0, s1|vstmia r0!, {s0-s3}|vstmdb r0!, {d0-d1}|vstr s0, [r1]|vstr d0, [r1]
vsub.f32 s0, s1, s2
"""
FLOAT_V5 = """
vcvta.s32.f32 s0, s1|vcvtn.u32.f32 s0, s1|vcvtp.s32.f32 s0, s1|vcvtm.s32.f32 s0, s1|vmaxnm.f32 s0, s1, s2
vminnm.f32 s0, s1, s2|vseleq.f32 s0, s1, s2|vselge.f32 s0, s1, s2|vselgt.f32 s0, s1, s2|vselvs.f32 s0, s1, s2
vrinta.f32 s0, s1|vrintn.f32 s0, s1|vrintp.f32 s0, s1|vrintm.f32 s0, s1|vrintx.f32 s0, s1
vrintz.f32 s0, s1|vrintr.f32 s0, s1
"""
DOUBLE = "|".join(
    line.replace(".f32", ".f64").replace("s0", "d0").replace("s1", "d1").replace("s2", "d2")
    for line in (FLOAT + FLOAT_V5).replace("\n", "|").split("|")
    if ".f32 s0, s" in line and "vcvt" not in line
)
DOUBLE += """
vcvt.f64.f32 d0, s1|vcvt.f32.f64 s0, d1|vcvt.s32.f64 s0, d1|vcvt.f64.u32 d0, s1|vcvta.s32.f64 s0, d1
vcvtr.s32.f64 s0, d1
vcmp.f64 d0, #0|vmov.f64 d0, d1|vmov.f64 d0, #1.0|vmov.32 d0[0], r1|vmov.32 d0[1], r1
"""
SETS = {
    "cortex-m0": (("-mcpu=cortex-m0",), ARMV6),
    "cortex-m0plus": (("-mcpu=cortex-m0plus",), ARMV6),
    "cortex-m3": (("-mcpu=cortex-m3",), f"{ARMV6}|{ARMV7}"),
    "cortex-m4": (("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"), f"{ARMV6}|{ARMV7}|{DSP}|{FLOAT}"),
    "cortex-m7": (("-mcpu=cortex-m7", "-mfpu=fpv5-d16"), f"{ARMV6}|{ARMV7}|{DSP}|{FLOAT}|{FLOAT_V5}|{DOUBLE}"),
    "cortex-m33": (
        ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mcmse"),
        f"{ARMV6}|{ARMV7}|{DSP}|{ARMV8M}|{FLOAT}|{FLOAT_V5}",
    ),
}


@pytest.mark.parametrize("name", core_names())
def test_every_mnemonic_has_a_row(tmp_path: Path, name: str) -> None:
    need("arm-none-eabi-gcc")
    flags, listed = SETS[name]
    lines = [line.strip() for line in listed.replace("\n", "|").split("|") if line.strip()]
    source, target = tmp_path / "all.s", tmp_path / "all.o"
    body = "\n".join(f".balign 4\n{line}\nnop\n.balign 4\n1: .word 0" for line in lines)
    source.write_text(f".syntax unified\n.thumb\n{body}\n")
    command = ["arm-none-eabi-gcc", *flags, "-mthumb", "-mfloat-abi=softfp", "-c", source, "-o", target]
    subprocess.run(command, check=True)
    ((address, data, starts),) = all_code(ELFFile(BytesIO(target.read_bytes())))
    executed = np.zeros((1, len(data) // 2), np.uint64)
    executed[0, starts] = 1
    core = load_core(name)
    count = price(Profile(address, executed, np.zeros_like(executed)), data, core)
    assert count.total >= len(lines) // 2
    assert len({item.name for item in decode(data, executed[0] > 0, core, address)}) > 50
