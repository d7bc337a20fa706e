"""The rig, on a small firmware that speaks the benchmark's protocol over its serial port."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_firmware import build_assembly

from sparse_mcu.costmodel.errors import EngineError, SparseMcuError
from sparse_mcu.costmodel.timing.memory_system import Event, load_memory_system
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.validation.tiny.images import board_of, images_file, measured_cycles
from sparse_mcu.simulation.validation.tiny.items import tiny_items
from sparse_mcu.simulation.validation.tiny.rig import run_inference

CHIP, CORE = "stm32l4", "cortex-m4"
BOARD = board_of(CHIP)
PORT, ENABLE, VECTORS = 0x40004400, 0xE000E104, 0xE000ED08  # USART2, interrupts 32 to 63, and the vector table's place
PASSES = 50
# The builder takes every name for a function, so that addresses of data come with the Thumb bit: BIC removes it.
FIRMWARE = {
    "Reset_Handler": f"""
        ldr r0, ={VECTORS:#x}
        ldr r1, =table
        bic r1, r1, #1
        str r1, [r0]
        ldr r0, ={ENABLE:#x}
        movs r1, #64
        str r1, [r0]
        ldr r0, =ready
        bl send
        ldr r4, =0x20000000
        movs r5, #0
        str r5, [r4]
    1:  b 1b
        .balign 4
        .pool
    """,
    "send": f"""
        ldr r2, ={PORT:#x}
        bic r0, r0, #1
    1:  ldrb r1, [r0]
        cbz r1, 2f
        str r1, [r2, #0x28]
        adds r0, #1
        b 1b
    2:  bx lr
        .balign 4
        .pool
    """,
    "take": f"""
        push {{r4, r5, r6, lr}}
        ldr r0, ={PORT:#x}
        ldr r1, [r0, #0x24]
        ldr r4, =0x20000000
        ldr r2, [r4]
        cmp r1, #'%'
        beq 1f
        adds r3, r4, #4
        strb r1, [r3, r2]
        adds r2, #1
        and r2, r2, #15
        str r2, [r4]
        pop {{r4, r5, r6, pc}}
    1:  movs r2, #0
        str r2, [r4]
        ldrb r2, [r4, #4]
        cmp r2, #'i'
        bne 3f
        ldr r0, =lap
        bl send
        ldrb r5, [r4, #10]
        subs r5, #'0'
    2:  bl infer
        subs r5, #1
        bne 2b
        ldr r0, =lap
        bl send
    3:  ldr r0, =ready
        bl send
        pop {{r4, r5, r6, pc}}
        .balign 4
        .pool
    """,
    "infer": f"""
        movs r0, #{PASSES}
        ldr r1, =weights
        bic r1, r1, #1
    1:  ldr r2, [r1]
        subs r0, #1
        bne 1b
        bx lr
        .balign 4
        .pool
    """,
    "ready": '.asciz "m-ready\\r\\n"\n.balign 4',
    "lap": '.asciz "m-lap-us-1\\r\\n"\n.balign 4',
    "weights": ".word 1, 2",
    "table": ".rept 54\n.word firmware_fault\n.endr\n.word take",
}

Assemble = Callable[[dict[str, str]], FirmwareImage]


@pytest.fixture
def assemble(tmp_path: Path) -> Assemble:
    return partial(build_assembly, board=BOARD, folder=tmp_path)


def content_of(image: FirmwareImage) -> bytes:
    """Returns the flash as a programmer would write it."""
    flash = bytearray()
    for section in image.sections.values():
        if section.data and section.load_address >= BOARD.flash.origin:
            at = section.load_address - BOARD.flash.origin
            flash.extend(b"\xff" * (at + len(section.data) - len(flash)))
            flash[at : at + len(section.data)] = section.data
    return bytes(flash)


def test_one_inference_is_counted_exactly(assemble: Assemble) -> None:
    image = assemble(FIRMWARE)
    found = run_inference(content_of(image), CHIP, CORE, "kws", load_memory_system(BOARD).hierarchy)
    start = (image.symbols["infer"].address - BOARD.flash.origin) // 2
    executed, taken = (
        counts[0, start : start + 8].tolist() for counts in (found.profile.executed, found.profile.taken)
    )
    assert executed == [1, 1, 1, 0, PASSES, PASSES, PASSES, 1]  # BIC has two halfwords
    assert taken == [0, 0, 0, 0, 0, 0, PASSES - 1, 1]
    outside = found.profile.instructions - sum(executed)
    assert outside == 3  # the call, and the loop around it
    assert found.profile.events is not None
    assert found.profile.events[Event.DATA_READ].sum() == PASSES + 1  # the weights, and their address


def test_an_image_that_never_gets_ready_is_refused(assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.validation.tiny.rig._SLICES", 3)
    silent = FIRMWARE | {"Reset_Handler": "1: b 1b\nldr r0, =table\n.balign 4\n.pool"}
    with pytest.raises(EngineError, match="does not get ready"):
        run_inference(content_of(assemble(silent)), CHIP, CORE, "kws", None)


def test_an_image_that_takes_no_command_is_refused(assemble: Assemble) -> None:
    deaf = FIRMWARE | {"Reset_Handler": FIRMWARE["Reset_Handler"].replace("movs r1, #64", "movs r1, #0")}
    with pytest.raises(EngineError, match="nobody takes 'name'"):
        run_inference(content_of(assemble(deaf)), CHIP, CORE, "kws", None)


def test_a_checkout_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SparseMcuError, match="no image"):
        tiny_items(tmp_path, lambda _: None)


def test_the_images_are_those_of_five_boards() -> None:
    images = images_file().image
    assert len({image.name for image in images}) == len(images) == 25
    assert {image.chip for image in images} == set(images_file().chips)
    first = next(image for image in images if image.name == "DISCO_F746NG_int8/ad")
    assert measured_cycles(first) == pytest.approx(216e6 / 584.38)
