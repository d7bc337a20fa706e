"""Lists one form of every kind of instruction that Cortex-M assemblers know, to test the check of instruction sets.

The lists contain no expectations. LLVM's assembler says which core takes which instruction, and how it is encoded.
"""

import io
import re
import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.simulation.toolchain.zig import TRIPLES, zig_program

NARROW = """
lsls r0, r1, #3; lsrs r0, r1, #3; asrs r0, r1, #3; adds r0, r1, r2; subs r0, r1, #7; movs r0, #200; cmp r7, #9
adds r3, #255; subs r3, #255; ands r0, r1; eors r0, r1; lsls r0, r1; lsrs r0, r1; asrs r0, r1; adcs r0, r1; sbcs r0, r1
rors r0, r1; tst r0, r1; rsbs r0, r1, #0; cmp r0, r1; cmn r0, r1; orrs r0, r1; muls r0, r1, r0; bics r0, r1; mvns r0, r1
add r8, r9; cmp r8, r1; cmp r1, r8; mov r8, r1; mov r1, r9; bx lr; bx r3; blx r3; blx r12; bxns lr; blxns r3
ldr r0, [pc, #8]; str r0, [r1, r2]; strh r0, [r1, r2]; strb r0, [r1, r2]; ldrsb r0, [r1, r2]; ldr r0, [r1, r2]
ldrh r0, [r1, r2]; ldrb r0, [r1, r2]; ldrsh r0, [r1, r2]; str r0, [r1, #4]; ldr r0, [r1, #4]; strb r0, [r1, #4]
ldrb r0, [r1, #4]; strh r0, [r1, #4]; ldrh r0, [r1, #4]; str r0, [sp, #4]; ldr r0, [sp, #4]; adr r0, 1f
add r0, sp, #8; add sp, #16; sub sp, #16; sxth r0, r1; sxtb r0, r1; uxth r0, r1; uxtb r0, r1; push {r0-r7, lr}
pop {r0, pc}; cpsie i; cpsid i; cpsid f; cpsie if; rev r0, r1; rev16 r0, r1; revsh r0, r1; bkpt #1; svc #1; udf #1
nop; yield; wfe; wfi; sev; stm r0!, {r1, r2}; ldm r0!, {r1, r2}; beq 1f; bgt 1f; bge 1f; b 1f; cbz r0, 1f
cbnz r7, 1f
"""

BASIC = """
bl 1f; mrs r0, apsr; mrs r0, ipsr; mrs r0, msp; mrs r0, psp; mrs r0, primask; mrs r0, control; mrs r0, basepri
mrs r0, basepri_max; mrs r0, faultmask; mrs r0, msplim; mrs r0, psplim; mrs r0, msp_ns; mrs r0, control_ns
msr apsr_nzcvq, r0; msr apsr_g, r0; msr apsr_nzcvqg, r0; msr msp, r0; msr psp, r0; msr primask, r0; msr control, r0
msr basepri, r0; msr faultmask, r0; msr msplim, r0; msr psp_ns, r0; dsb; dmb; isb; udf.w #1; b.w 1f; beq.w 1f
bls.w 1f; ble.w 1f; nop.w; yield.w; wfe.w; wfi.w; sev.w; dbg #3; clrex; sg
"""

IMMEDIATE = """
ands r0, r1, #240; and.w r8, r1, #0x00ff00ff; tst.w r0, #3; bic.w r0, r1, #3; orr.w r0, r1, #3; mov.w r8, #3
orn r0, r1, #3; mvn.w r0, #3; eor.w r0, r1, #3; teq r0, #3; add.w r8, r1, #3; cmn.w r0, #3; adc r0, r1, #3
sbc r0, r1, #3; sub.w r8, r1, #3; cmp.w r8, #3; rsb.w r8, r1, #3; addw r8, r1, #4095; subw r8, r1, #4095
adr.w r0, . + 8; adr.w r8, . - 8; movw r0, #65535; movt r0, #65535; ssat r0, #7, r1; ssat r0, #7, r1, lsl #3
ssat r0, #7, r1, asr #3; usat r0, #7, r1; usat r0, #7, r1, asr #3; ssat16 r0, #7, r1; usat16 r0, #7, r1
sbfx r0, r1, #3, #7; ubfx r0, r1, #3, #7; bfi r0, r1, #3, #7; bfc r0, #3, #7
"""

REGISTER = """
and.w r0, r1, r2, lsl #3; tst.w r0, r1, ror #3; bic.w r8, r1, r2; orr.w r8, r1, r2; mov.w r8, r1; lsl.w r8, r1, #3
rrx r0, r1; orn r0, r1, r2; mvn.w r8, r1; eor.w r8, r1, r2; teq r0, r1; add.w r8, r1, r2, lsl #2; cmn.w r8, r1
adc.w r8, r1, r2; sbc.w r8, r1, r2; sub.w r8, r1, r2; cmp.w r8, r1, asr #2; rsb r0, r1, r2; pkhbt r0, r1, r2
pkhbt r0, r1, r2, lsl #16; pkhtb r0, r1, r2, asr #16; lsl.w r8, r1, r2; lsr.w r8, r1, r2; asr.w r8, r1, r2
ror.w r8, r1, r2; sxth.w r8, r1; sxth r0, r1, ror #8; uxth.w r8, r1; sxtb.w r8, r1; sxtb r0, r1, ror #24; uxtb.w r8, r1
sxtb16 r0, r1; uxtb16 r0, r1, ror #8; sxtah r0, r1, r2; uxtah r0, r1, r2; sxtab16 r0, r1, r2; uxtab16 r0, r1, r2
sxtab r0, r1, r2, ror #8; uxtab r0, r1, r2; rev.w r8, r1; rev16.w r8, r1; rbit r0, r1; revsh.w r8, r1; clz r0, r1
mul r0, r1, r2; mla r0, r1, r2, r3; mls r0, r1, r2, r3; smull r0, r1, r2, r3; umull r0, r1, r2, r3
smlal r0, r1, r2, r3; umlal r0, r1, r2, r3; umaal r0, r1, r2, r3; sdiv r0, r1, r2; udiv r0, r1, r2
"""

DSP = "; ".join(
    [
        *(
            f"{prefix}{operation} r0, r1, r2"
            for prefix in ("s", "u", "q", "uq", "sh", "uh")
            for operation in ("add16", "add8", "asx", "sax", "sub16", "sub8")
        ),
        *(f"{name} r0, r1, r2" for name in ("qadd", "qdadd", "qsub", "qdsub", "sel", "usad8", "smulbb", "smultb")),
        *(f"{name} r0, r1, r2" for name in ("smulbt", "smultt", "smulwb", "smulwt", "smuad", "smuadx", "smusd")),
        *(f"{name} r0, r1, r2" for name in ("smusdx", "smmul", "smmulr")),
        *(f"{name} r0, r1, r2, r3" for name in ("usada8", "smlabb", "smlatb", "smlabt", "smlatt", "smlawb", "smlawt")),
        *(f"{name} r0, r1, r2, r3" for name in ("smlad", "smladx", "smlsd", "smlsdx", "smmla", "smmlar", "smmls")),
        *(f"{name} r0, r1, r2, r3" for name in ("smmlsr", "smlalbb", "smlaltb", "smlalbt", "smlaltt", "smlald")),
        *(f"{name} r0, r1, r2, r3" for name in ("smlaldx", "smlsld", "smlsldx")),
    ]
)

MEMORY = """
stm.w r8!, {r0, r1}; stm.w r8, {r0-r12, lr}; ldm.w r8!, {r0, pc}; ldm.w r8, {r0, lr}; stmdb r8!, {r0, r1}
ldmdb r8!, {r0, r1}; push.w {r4-r11, lr}; pop.w {r4-r11, pc}; ldrd r0, r1, [r2]; ldrd r0, r1, [r2, #8]!
ldrd r0, r1, [r2], #-8; strd r0, r1, [r2, #-8]; strd r0, r1, [r2, #8]!; strd r0, r1, [r2], #8; ldrex r0, [r1, #4]
strex r0, r1, [r2, #4]; ldrexb r0, [r1]; ldrexh r0, [r1]; strexb r0, r1, [r2]; strexh r0, r1, [r2]; tbb [r0, r1]
tbh [r0, r1, lsl #1]; lda r0, [r1]; ldab r0, [r1]; ldah r0, [r1]; stl r0, [r1]; stlb r0, [r1]; stlh r0, [r1]
ldaex r0, [r1]; ldaexb r0, [r1]; ldaexh r0, [r1]; stlex r0, r1, [r2]; stlexb r0, r1, [r2]; stlexh r0, r1, [r2]
tt r0, r1; ttt r0, r1; tta r0, r1; ttat r0, r1
str.w r8, [r1, #4]; strb.w r8, [r1, #4]; strh.w r8, [r1, #4]; str r0, [r1, #-4]; strb r0, [r1, #-4]; strh r0, [r1, #-4]
str r0, [r1, #4]!; strb r0, [r1], #4; strh r0, [r1], #-4; strt r0, [r1]; strbt r0, [r1, #4]; strht r0, [r1]
str.w r8, [r1, r2, lsl #2]; strb.w r8, [r1, r2]; strh.w r8, [r1, r2]; ldr.w r8, [r1, #4]; ldrb.w r8, [r1, #4]
ldrh.w r8, [r1, #4]; ldrsb.w r8, [r1, #4]; ldrsh r0, [r1, #4]; ldr r0, [r1, #-4]; ldrb r0, [r1, #-4]
ldrh r0, [r1, #-4]; ldrsb r0, [r1, #-4]; ldrsh r0, [r1, #-4]; ldr r0, [r1], #4; ldrb r0, [r1, #4]!; ldrsb r0, [r1], #1
ldrh r0, [r1], #2; ldrsh r0, [r1, #2]!; ldrt r0, [r1]; ldrbt r0, [r1]; ldrht r0, [r1]; ldrsbt r0, [r1]; ldrsht r0, [r1]
ldr.w r8, [r1, r2, lsl #2]; ldrb.w r8, [r1, r2]; ldrsb.w r8, [r1, r2, lsl #1]; ldrh.w r8, [r1, r2]
ldrsh.w r8, [r1, r2]; ldr.w r8, [pc, #-8]; ldrb.w r0, [pc, #-8]; ldrh.w r0, [pc, #8]; ldrsb.w r0, [pc, #8]
ldrsh.w r0, [pc, #-8]; pld [r0, #4]; pld [r0, r1]; pld [r0, #-4]; pli [r0, #4]
"""

FLOAT = """
vadd.f32 s0, s1, s2; vmla.f32 s0, s1, s2; vfma.f32 s0, s1, s2; vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1; vmov.f32 s0, #1.0
vcvt.s32.f32 s0, s1; vcmp.f32 s0, s1; vneg.f32 s31, s30; vldr s0, [r0, #4]; vstr s1, [r0, #-4]; vldmia r0!, {s0-s3}
vstmdb r0!, {s0-s3}; vpush {d8-d9}; vpop {d8-d9}; vldr d0, [r0]; vmov r0, s0; vmov s0, r0; vmov r0, r1, d0
vmrs r0, fpscr; vmrs apsr_nzcv, fpscr; vmsr fpscr, r0; vcvtb.f32.f16 s0, s1
"""


CONDITIONAL = "it ne"  # last, since the assembler expects the instruction that it governs to follow

TEXTS = tuple(
    text.strip()
    for block in (NARROW, BASIC, IMMEDIATE, REGISTER, DSP, MEMORY, FLOAT, CONDITIONAL)
    for text in block.replace("\n", ";").split(";")
    if text.strip()
)
_LINES_BEFORE, _LINES_EACH = 2, 4


def assemble(core: Core, folder: Path, *, without: str = "") -> dict[str, bytes]:
    """Returns the machine code of those of TEXTS that LLVM's assembler accepts for `core`.

    Args:
        core: The core.
        folder: The folder for the assembler's files.
        without: A suffix that removes a feature from the core, such as "+nofp".
    """
    taken, program = list(TEXTS), b""
    while not program:  # errors in operands hide errors in distances, so one round may not be enough
        refused, program = _assemble(taken, core, folder, without)
        taken = [text for index, text in enumerate(taken) if index not in refused]
    elf = ELFFile(io.BytesIO(program))
    return {text: elf.get_section_by_name(f".t{index}").data()[:-8] for index, text in enumerate(taken)}


def _assemble(texts: list[str], core: Core, folder: Path, without: str) -> tuple[set[int], bytes]:
    """Returns the indices of refused texts, and the object file. Each text has a section, and a label to jump to."""
    source, output = folder / "code.s", folder / "code.o"
    sections = (f'.section .t{index},"ax"\n{text}\n.space 8\n1:\n' for index, text in enumerate(texts))
    source.write_text(".syntax unified\n.thumb\n" + "".join(sections))
    machine = [f"--target={TRIPLES[core.architecture]}", f"-mcpu={core.name}{without}"]
    machine += ["-mfloat-abi=hard"] if core.has_fpu else []
    command = [str(zig_program()), "clang", *machine, "-c", str(source), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [int(line) for line in re.findall(r"code\.s:(\d+):\d+: error:", done.stderr)]
    return {(line - 1 - _LINES_BEFORE) // _LINES_EACH for line in lines}, b"" if lines else output.read_bytes()
