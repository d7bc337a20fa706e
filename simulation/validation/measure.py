"""Makes items anew: builds public benchmarks from their sources, runs them, and looks up what hardware took."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.simulation.toolchain.arm_gcc import ArmGcc
from sparse_mcu.simulation.validation.items import Item
from sparse_mcu.simulation.validation.programs import coremark, embench
from sparse_mcu.simulation.validation.programs.build import run_program

_EMBENCH_SOURCE = (
    "embench-iot 2.0, baseline-data/speed.json: GCC 14.1 -O2 and a newlib that is optimised for size; "
    "here GCC {version}"
)


@dataclass(frozen=True, slots=True)
class _Score:
    """A published CoreMark per MHz."""

    core: str
    hardware: str
    per_mhz: float
    source: str


_SCORES = (
    _Score("cortex-m4", "Teensy 3.6, 180 MHz, flash with cache", 2.45, "github.com/PaulStoffregen/CoreMark, GCC"),
    _Score("cortex-m7", "Teensy 4.0, 600 MHz, tightly coupled memory", 3.86, "github.com/PaulStoffregen/CoreMark, GCC"),
    _Score("cortex-m33", "AN505, zero wait states", 3.40, "published for GCC 10 to 13, -O3"),
)


def embench_items(folder: Path, report: Callable[[str], None]) -> list[Item]:
    """Builds and runs the programs of Embench.

    Args:
        folder: A checkout of embench/embench-iot.
        report: Is told the name of each program before it is built.

    Raises:
        SparseMcuError: The folder is none, there is no compiler, or a program does not build or run.
    """
    programs, measured = embench.programs(folder), embench.measured_cycles(folder)
    source = _EMBENCH_SOURCE.format(version=ArmGcc.find().version)
    items = []
    for name, program in programs.items():
        report(name)
        execution = run_program(program, embench.CORE)
        hardware = "STM32F407, 16 MHz, zero wait states"
        items.append(Item(name, "embench", embench.CORE, hardware, measured[name], source, execution))
    return items


def coremark_items(folder: Path, report: Callable[[str], None]) -> list[Item]:
    """Builds and runs CoreMark for each core with a published score and a known compiler.

    Args:
        folder: A checkout of eembc/coremark.
        report: Is told the name of each core before its program is built.

    Raises:
        SparseMcuError: The folder is none, there is no compiler, or a program does not build or run.
    """
    program, version = coremark.program(folder), ArmGcc.find().version
    items = []
    for score in _SCORES:
        report(score.core)
        execution = run_program(program, score.core)
        cycles = round(coremark.ITERATIONS * 1e6 / score.per_mhz)
        source = f"{score.source}; here GCC {version} {coremark.FLAGS[0]}"
        items.append(Item("coremark", "coremark", score.core, score.hardware, cycles, source, execution))
    return items
