"""Builds the programs of Embench 2.0 as its baseline for the STM32F407 was built."""

import json
from pathlib import Path

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.simulation.validation.programs.build import Program

FLAGS = ("-O2", "-ffunction-sections", "-fdata-sections", "-DGLOBAL_SCALE_FACTOR=16", "-DWARMUP_HEAT=1")
CLOCK_HZ = 16_000_000
CORE = "cortex-m4"
_BOARD = """
void initialise_board(void) {}
__attribute__((noinline)) void start_trigger(void) { __asm__ volatile(""); }
__attribute__((noinline)) void stop_trigger(void) { __asm__ volatile(""); }
"""


def programs(folder: Path) -> dict[str, Program]:
    """Returns the programs of a checkout of embench/embench-iot, by name."""
    support = folder / "support"
    if not (support / "main.c").is_file():
        raise SparseMcuError(
            "the folder is no checkout of Embench", where=str(folder), fix="Clone github.com/embench/embench-iot."
        )
    return {
        source.name: Program(
            name=source.name,
            sources=[*sorted(source.glob("*.c")), support / "main.c", support / "beebsc.c"],
            includes=[support, source],
            flags=FLAGS,
            extra={"boardsupport.c": _BOARD},
            begin="start_trigger",
            end="stop_trigger",
        )
        for source in sorted((folder / "src").iterdir())
        if source.is_dir()
    }


def measured_cycles(folder: Path) -> dict[str, int]:
    """Returns the published cycles of the baseline by program: milliseconds at 16 MHz."""
    published = json.loads((folder / "baseline-data" / "speed.json").read_text(encoding="utf-8"))
    return {name: round(milliseconds * CLOCK_HZ / 1000) for name, milliseconds in published.items()}
