"""Builds hand-made firmware from assembly, whose counts a reader can tell, and from C, to test compilers."""

from collections.abc import Mapping
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.simulation.binary.image import FirmwareImage, read_image
from sparse_mcu.simulation.engines.protocol import Engine, RunRequest, RunResult
from sparse_mcu.simulation.toolchain import find_toolchain
from sparse_mcu.simulation.toolchain.build import build_firmware
from sparse_mcu.simulation.toolchain.protocol import LinkRequest, Toolchain

_SCRIPT = """ENTRY(Reset_Handler)
EXTERN(firmware_done firmware_fault)
MEMORY {{
    FLASH (rx) : ORIGIN = {flash.origin:#x}, LENGTH = {flash.size_bytes}
    RAM (rw) : ORIGIN = {ram.origin:#x}, LENGTH = {ram.size_bytes}
}}
SECTIONS {{
    .vectors : {{ KEEP(*(.vectors)) }} > FLASH
    .text : {{ *(.text .text.*) . = ALIGN(4); }} > FLASH
    .rodata : {{ *(.rodata .rodata.*) }} > FLASH
    .stack (NOLOAD) : {{ . = . + __stack_size; __stack_top = .; }} > RAM
    .data : {{ *(.data .data.*) }} > RAM AT > FLASH
    __load_of_data = LOADADDR(.data);
    .bss (NOLOAD) : {{ *(.bss .bss.* COMMON) }} > RAM
    /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) }}
}}
"""
_VECTORS = '.section .vectors,"a",%progbits\n.word __stack_top, Reset_Handler' + ", firmware_fault" * 14
_ENDS = {"firmware_done": "b firmware_done", "firmware_fault": "b firmware_fault"}


def linker_script(board: Board) -> str:
    """Returns a linker script with the stack at the start of RAM."""
    return _SCRIPT.format(flash=board.flash, ram=board.ram)


def assembly(functions: Mapping[str, str]) -> str:
    """Returns a C file of functions in assembly, with a vector table and both ends. The caller adds Reset_Handler."""
    parts = [".syntax unified", ".thumb", _VECTORS]
    for name, body in (_ENDS | dict(functions)).items():
        parts += [f'.section .text.{name},"ax",%progbits', f".global {name}", ".thumb_func", f".type {name},%function"]
        parts += [".balign 4", f"{name}:", body, f".size {name}, . - {name}"]
    lines = "\n".join([*parts, ".text"]).splitlines()
    return "__asm__(\n" + "".join(_quoted(line.strip()) for line in lines) + ");\n"


def _quoted(line: str) -> str:
    escaped = line.replace('"', '\\"')
    return f'    "{escaped}\\n"\n'


def build_assembly(
    functions: Mapping[str, str], board: Board, folder: Path, toolchain: Toolchain | None = None, stack_bytes: int = 256
) -> FirmwareImage:
    """Links functions in assembly. Execution begins at Reset_Handler and ends at firmware_done.

    The caller gives the size of the stack. It is not computed, so that a test may use bad code.
    """
    tool = toolchain or find_toolchain()
    (folder / "code.c").write_text(assembly(functions))
    (folder / "firmware.ld").write_text(linker_script(board))
    compiled = tool.compile(folder / "code.c", board.core, folder / "code.o")
    elf = folder / "firmware.elf"
    tool.link(LinkRequest((compiled.path,), folder / "firmware.ld", board.core, stack_bytes, elf))
    return read_image(elf, toolchain=tool.name, version=tool.version, stack_usage=compiled.stack_usage)


C_START = """
#include <stdint.h>
int main(void);
void firmware_done(void);
void firmware_fault(void);
void Reset_Handler(void);
extern uint32_t __stack_top;
typedef struct { uint32_t *stack; void (*reset)(void); void (*rest[14])(void); } Vectors;
__attribute__((section(".vectors"), used)) const Vectors vectors = {&__stack_top, Reset_Handler, {firmware_fault}};
__attribute__((noinline, used)) void firmware_done(void) { for (;;) { __asm__ volatile(""); } }
__attribute__((noinline, used)) void firmware_fault(void) { for (;;) { __asm__ volatile(""); } }
void Reset_Handler(void) { (void)main(); firmware_done(); }
"""


def build_c(code: str, board: Board, folder: Path, toolchain: Toolchain) -> FirmwareImage:
    """Links C code with a `main`. Nothing initialises .data and .bss."""
    files = {"start.c": C_START, "code.c": code, "firmware.ld": linker_script(board)}
    return build_firmware(files, board, folder, toolchain)


def run(
    engine: Engine,
    image: FirmwareImage,
    board: Board,
    *,
    phases: tuple[str, ...] = (),
    budget: int = 1_000_000,
    reads: Mapping[str, tuple[int, int]] | None = None,
    writes: Mapping[int, bytes] | None = None,
) -> RunResult:
    """Runs firmware up to firmware_done. The names of functions mark the phases."""
    request = RunRequest(
        image=image,
        board=board,
        writes=writes or {},
        reads=reads or {},
        phases=tuple(image.symbols[name].address for name in phases),
        stop_address=image.symbols["firmware_done"].address,
        budget_instructions=budget,
    )
    return engine.run(request)


def executions(image: FirmwareImage, result: RunResult, function: str) -> tuple[list[int], list[int]]:
    """Returns two counts for each instruction of `function`: how often it ran, and how often it jumped."""
    symbol = image.symbols[function]
    first = (symbol.address - result.profile.code_start) // 2
    where = slice(first, first + symbol.size_bytes // 2)
    executed, taken = (counts.sum(axis=0)[where] for counts in (result.profile.executed, result.profile.taken))
    starts = executed > 0
    return executed[starts].tolist(), taken[starts].tolist()
