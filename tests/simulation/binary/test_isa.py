"""The ISA check against LLVM's assembler, capstone, offenders made by hand and what both compilers emit."""

import dataclasses
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import capstone
import numpy as np
import pytest
from instructions import TEXTS, assemble
from small_firmware import C_START, build_assembly, build_c, linker_script
from small_networks import lowered_network

from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.catalogue import core_names, load_core
from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import InstructionSetError
from sparse_mcu.simulation.analysis.analysis import build_model
from sparse_mcu.simulation.analysis.lowering import lower_model
from sparse_mcu.simulation.binary.isa import (
    check_instruction_set,
    features,
    foreign_instructions,
    is_instruction,
    load_encodings,
)
from sparse_mcu.simulation.toolchain.build import build_firmware
from sparse_mcu.simulation.toolchain.protocol import Toolchain

BOARD_OF_CORE = {
    "cortex-m0": "microbit",
    "cortex-m0plus": "rp2040-pico",
    "cortex-m3": "bluepill",
    "cortex-m4": "nucleo-l4r5zi",
    "cortex-m7": "nucleo-f746zg",
    "cortex-m33": "nucleo-u575zi-q",
}
MODELS = ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8"]
# Where LLVM departs from the manuals: ARMv6-M has CPS of PRIMASK alone (ARM DDI 0419E, B4.2.1) and the wide UDF
# (A6.7.72); the stack limits came with Armv8-M (ARM DDI 0553B, B3.8).
LIMITS = {"mrs r0, msplim", "mrs r0, psplim", "msr msplim, r0"}
LLVM_DIFFERS = {
    "armv6-m": {"cpsid f", "cpsie if", "udf.w #1"},
    "armv7-m": LIMITS,
    "armv7e-m": LIMITS,
    "armv8-m.main": set[str](),
}
M0, M3, M4 = (load_board(BOARD_OF_CORE[name]) for name in ("cortex-m0", "cortex-m3", "cortex-m4"))


@pytest.fixture(scope="module")
def encodings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Machine code of every instruction that the largest core takes."""
    return assemble(load_core("cortex-m33"), tmp_path_factory.mktemp("m33"))


def ours(core: Core, code: bytes) -> bool:
    """Whether the check takes this instruction."""
    halfwords = [int.from_bytes(code[at : at + 2], "little") for at in range(0, len(code), 2)]
    wide = len(halfwords) == 2
    encoding = halfwords[0] << 16 | halfwords[1] if wide else halfwords[0]
    return bool(is_instruction(np.array([encoding], np.uint32), core, wide=wide)[0])


@pytest.mark.parametrize(
    ("name", "without", "lacking"),
    [
        *((name, "", {}) for name in core_names()),
        ("cortex-m4", "+nofp", {"has_fpu": False}),
        ("cortex-m33", "+nodsp", {"has_dsp": False}),
        ("cortex-m33", "+nofp", {"has_fpu": False}),
    ],
)
def test_each_core_has_what_llvm_assembles_for_it(
    encodings: Mapping[str, bytes], tmp_path: Path, name: str, without: str, lacking: dict[str, bool]
) -> None:
    core = dataclasses.replace(load_core(name), **lacking)
    theirs = assemble(core, tmp_path, without=without)
    assert {text: code for text, code in theirs.items() if encodings[text] != code} == {}
    taken = {text for text, code in encodings.items() if ours(core, code)}
    assert taken ^ set(theirs) == LLVM_DIFFERS[core.architecture]


def test_the_largest_core_takes_nearly_all_of_the_list(encodings: Mapping[str, bytes]) -> None:
    assert set(TEXTS) - set(encodings) == set()
    assert len(encodings) > 390


@pytest.mark.parametrize("needs", sorted({form.needs for form in load_encodings()}))
def test_every_row_is_seen_by_the_comparison(encodings: Mapping[str, bytes], needs: str) -> None:
    """A row that no listed instruction matches has not been held against LLVM."""
    words = {
        (len(code) == 4, int.from_bytes(code[:2], "little") << 16 | int.from_bytes(code[2:], "little"))
        if len(code) == 4
        else (False, int.from_bytes(code, "little"))
        for code in encodings.values()
    }
    unseen = [
        f"{form.mask:b} {form.value:b}"
        for form in load_encodings()
        if form.needs == needs and not any(w == form.wide and code & form.mask == form.value for w, code in words)
    ]
    assert unseen == []


def test_what_decides_is_never_a_draw() -> None:
    """Of two rows that overlap and need different things, one is more specific."""
    for one, other in combinations(load_encodings(), 2):
        common = one.mask & other.mask
        overlap = one.wide is other.wide and (one.value ^ other.value) & common == 0
        if overlap and one.needs != other.needs:
            assert one.mask.bit_count() != other.mask.bit_count(), (one, other)


def test_all_16_bit_encodings_are_those_of_capstone() -> None:
    """But for what the manuals call UNPREDICTABLE, on which nobody need agree, and instructions of profile A."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
    largest = load_core("cortex-m33")
    known = is_instruction(np.arange(0xE800, dtype=np.uint32), largest, wide=False)
    for code in range(0xE800):
        found = next(decoder.disasm_lite(code.to_bytes(2, "little"), 0, 1), None)
        text = "" if found is None else f"{found[2]} {found[3]}"
        branch_with_low_bits = code >> 8 == 0x47 and code & 3
        empty_list = code in {0xB400, 0xBC00} or code & 0xF0FF == 0xC000
        profile_a = text.startswith(("hlt", "setpan", "cpsie a", "cpsid a", "cpsie none", "cpsid none"))
        if not branch_with_low_bits and not empty_list and not profile_a and code != 0xDEF9:  # capstone has no UDF 249
            assert known[code] == bool(text), f"{code:016b} {text}"


@pytest.mark.parametrize("name", core_names())
def test_features_are_those_of_the_core(name: str) -> None:
    core = load_core(name)
    assert ("dsp" in features(core), "fpu" in features(core)) == (core.has_dsp, core.has_fpu)
    assert ("divide" in features(core), "it-blocks" in features(core)) == (core.has_hardware_divide, core.has_it_blocks)
    assert features(core) <= {form.needs for form in load_encodings()}


OFFENDERS = {
    ("cortex-m0", "0xfbb0, 0xf0f1"): "udiv r0, r0, r1",
    ("cortex-m0plus", "0xfb90, 0xf0f1"): "sdiv r0, r0, r1",
    ("cortex-m0", "0xbf08"): "it eq",
    ("cortex-m0plus", "0xb108"): "cbz r0, #",
    ("cortex-m0", "0xb908"): "cbnz r0, #",
    ("cortex-m0", "0xf240, 0x0001"): "movw r0, #1",
    ("cortex-m0", "0xf2c0, 0x0001"): "movt r0, #1",
    ("cortex-m0", "0xf8d0, 0x0000"): "ldr.w r0, [r0]",
    ("cortex-m3", "0xfb21, 0x0002"): "smlad r0, r1, r2, r0",
    ("cortex-m3", "0xfa2f, 0xf080"): "sxtb16 r0, r0",
    ("cortex-m3", "0xee30, 0x0a00"): "vadd.f32 s0, s0, s0",
    ("cortex-m4", "0xe8d0, 0x0faf"): "lda r0, [r0]",
    ("cortex-m4", "0xee30, 0x0b00"): "vadd.f64 d0, d0, d0",
    ("cortex-m7", "0xe97f, 0xe97f"): "sg",
    ("cortex-m33", "0xf000, 0xc000"): ".inst 00f000c0",
    ("cortex-m33", "0xee00, 0x0010"): "mcr",
}


@pytest.mark.parametrize(("core", "encoding"), OFFENDERS)
def test_an_offender_is_named(tmp_path: Path, core: str, encoding: str) -> None:
    board = load_board(BOARD_OF_CORE[core])
    halfwords = "\n".join(f".inst.n {halfword}" for halfword in encoding.split(", "))
    bodies = {"Reset_Handler": "b firmware_done\nbl never_called", "never_called": f"nop\n{halfwords}\nbx lr"}
    image = build_assembly(bodies, board, tmp_path)
    address = image.symbols["never_called"].address + 2
    assert foreign_instructions(image, board.core) == [address]
    with pytest.raises(InstructionSetError) as refused:
        check_instruction_set(image, board.core)
    for part in (core, f"{address:#x} (never_called+0x2)", OFFENDERS[core, encoding], "firmware.elf"):
        assert part in str(refused.value)


def test_an_offender_in_a_literal_pool_is_data(tmp_path: Path) -> None:
    body = "ldr r0, =0xf0f1fbb0\nadr r1, 1f\nb firmware_done\n.balign 4\n1: .hword 0xbf08, 0xb108\n.ltorg"
    image = build_assembly({"Reset_Handler": body}, M0, tmp_path)
    assert foreign_instructions(image, M0.core) == []
    assert sum(map(len, image.instructions)) < image.sections[".text"].size_bytes
    text = image.sections[".text"]
    blind = dataclasses.replace(image, instructions=(range(text.address, text.address + text.size_bytes),))
    assert foreign_instructions(blind, M0.core) != []


def test_the_second_half_of_an_instruction_is_not_one(tmp_path: Path) -> None:
    """0xbf08 alone is IT; here it is what a BL's second halfword may look like, and a UDF's does."""
    image = build_assembly({"Reset_Handler": ".inst.w 0xf7f0af08\nbl firmware_done"}, M0, tmp_path)
    assert foreign_instructions(image, M0.core) == []
    alone = build_assembly({"Reset_Handler": "nop\n.inst.n 0xbf08\nnop\nb firmware_done"}, M0, tmp_path)
    assert len(foreign_instructions(alone, M0.core)) == 1


def test_a_build_with_an_offender_fails_and_leaves_nothing(toolchain: Toolchain, tmp_path: Path) -> None:
    files = {"start.c": C_START, "firmware.ld": linker_script(M3)}
    code = 'int main(void);\nint main(void) {{ __asm__ volatile(".inst.n {}\\n.inst.n {}"); return 0; }}\n'
    build_firmware(files | {"code.c": code.format("0xfbb0", "0xf0f1")}, M3, tmp_path / "divide", toolchain)
    with pytest.raises(InstructionSetError, match=r"cortex-m3 has no instruction 'smlad .*\(main"):
        build_firmware(files | {"code.c": code.format("0xfb21", "0x0002")}, M3, tmp_path / "dsp", toolchain)
    assert list((tmp_path / "dsp").iterdir()) == []


@pytest.mark.parametrize("core", core_names())
@pytest.mark.parametrize("network", NETWORKS)
def test_what_the_compilers_emit_for_the_small_networks(
    toolchain: Toolchain, tmp_path: Path, network: str, core: str
) -> None:
    """The build checks it; here the check is also seen to have looked at the code, and to refuse it elsewhere."""
    board = load_board(BOARD_OF_CORE[core])
    image = build_model(lowered_network(network, board.name), toolchain, tmp_path).image
    assert sum(map(len, image.instructions)) > 0.8 * image.sections[".text"].size_bytes
    assert foreign_instructions(image, board.core) == []
    assert bool(foreign_instructions(image, M0.core)) is (board.core.architecture != "armv6-m")
    assert bool(foreign_instructions(image, M3.core)) is board.core.has_dsp


@pytest.mark.slow
@pytest.mark.parametrize("core", core_names())
@pytest.mark.parametrize("model", MODELS)
def test_what_the_compilers_emit_for_the_five_models(
    shared_data: Path, toolchain: Toolchain, tmp_path: Path, model: str, core: str
) -> None:
    board = load_board(BOARD_OF_CORE[core])
    lowered = lower_model(shared_data / "models" / f"mlperf__{model}.onnx", board)
    assert foreign_instructions(build_model(lowered, toolchain, tmp_path).image, board.core) == []


def test_large_code_is_checked_to_its_end(tmp_path: Path, toolchain: Toolchain) -> None:
    """Code of 80 KB: five times that of the largest of the five models."""
    body = r'__asm__ volatile(".rept 20000\nnop\nadds r0, r0, r0\n.endr"); return 0;'
    code = f"int main(void);\nint main(void) {{ {body} }}\n"
    image = build_c(code, M4, tmp_path, toolchain)
    assert foreign_instructions(image, M4.core) == []
