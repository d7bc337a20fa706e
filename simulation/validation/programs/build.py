"""Compiles a program for a core, runs it, and keeps what it executed between two marks."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.costmodel.devices.types import Board, Core, MemoryRegion
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.costmodel.timing.counts import Execution
from sparse_mcu.costmodel.timing.pricing import execution_of
from sparse_mcu.simulation.binary.image import executable_code, read_image
from sparse_mcu.simulation.engines.protocol import RunRequest, Verdict
from sparse_mcu.simulation.engines.unicorn import UnicornEngine
from sparse_mcu.simulation.toolchain.arm_gcc import ArmGcc
from sparse_mcu.simulation.toolchain.process import run_tool

_OWN = files("sparse_mcu.simulation.validation.programs")
_BUDGET = 2 * 10**9
_STRING_FLAGS = ("-Os", "-ffreestanding", "-ffunction-sections", "-fno-tree-loop-distribute-patterns")
_INSTALL = "Look at the message of the compiler; GCC 12.2 and newlib are known to work."


@dataclass(frozen=True, slots=True)
class Program:
    """A benchmark program.

    Attributes:
        name: For messages.
        sources: Its C files.
        includes: Folders of headers.
        flags: For the compiler, without those of the core.
        extra: Further sources by file name, and further headers.
        begin: The function whose call begins what counts.
        end: The function whose call ends it.
    """

    name: str
    sources: Sequence[Path]
    includes: Sequence[Path]
    flags: tuple[str, ...]
    extra: Mapping[str, str]
    begin: str
    end: str


def run_program(program: Program, core_name: str) -> Execution:
    """Returns what a program executed between its marks, in one phase.

    Raises:
        ToolchainError: The program does not build.
        EngineError: It does not run to its end, or it reports a wrong result.
    """
    core = load_core(core_name)
    with tempfile.TemporaryDirectory() as name:
        elf = _build(program, core, Path(name), ArmGcc.find())
        image = read_image(elf, toolchain="arm-none-eabi-gcc", version="", stack_usage={})
        marks = [image.symbols[mark].address for mark in (program.begin, program.end)]
        end = image.symbols["program_end"].address
        reads = {"result": (image.symbols["program_result"].address, 4)}
        request = RunRequest(image, _board(core), {}, reads, tuple(marks), end, _BUDGET)
        result = UnicornEngine().run(request)
        if result.verdict is not Verdict.FINISHED:
            raise EngineError(f"the program did not end: {result.detail}", where=program.name, fix="Check its sources.")
        if any(result.memory["result"]):
            raise EngineError("the program reports a wrong result", where=program.name, fix="Check its sources.")
        counted = slice(1, 2)
        profile = replace(
            result.profile, executed=result.profile.executed[counted], taken=result.profile.taken[counted]
        )
        return execution_of(profile, executable_code(image)[1], core)


def _build(program: Program, core: Core, folder: Path, gcc: ArmGcc) -> Path:
    """Compiles and links everything, and returns the ELF."""
    own = {name: (_OWN / name).read_text() for name in ("start.c", "strings.c", "program.ld")}
    for name, text in (own | dict(program.extra)).items():
        (folder / name).write_text(text, encoding="utf-8")
    machine = ("-mthumb", f"-mcpu={core.name}", "-mfloat-abi=soft")
    includes = [f"-I{path.resolve()}" for path in (folder, *program.includes)]
    objects: list[Path] = []
    sources = [*program.sources, *(folder / name for name in (*own, *program.extra) if name.endswith(".c"))]
    for at, source in enumerate(sources):
        flags = _STRING_FLAGS if source == folder / "strings.c" else program.flags
        objects.append(folder / f"{at}.o")
        command: list[str | Path] = [
            gcc.program,
            *machine,
            *flags,
            *includes,
            "-w",
            "-c",
            source.resolve(),
            "-o",
            objects[-1],
        ]
        run_tool(command, directory=folder, what=f"compiling {source.name}", fix=_INSTALL)
    elf = folder / "program.elf"
    options = (
        "-nostartfiles",
        "-static",
        "-Wl,--gc-sections",
        "-Wl,--no-warn-rwx-segments",
        "-T",
        folder / "program.ld",
    )
    run_tool(
        [gcc.program, *machine, *options, *objects, "-lm", "-o", elf],
        directory=folder,
        what=f"linking {program.name}",
        fix=_INSTALL,
    )
    return elf


def _board(core: Core) -> Board:
    """A board with room for any of the programs."""
    flash = MemoryRegion("flash", 0x08000000, 2 << 20, "program.ld")
    ram = MemoryRegion("ram", 0x20000000, 4 << 20, "program.ld")
    return Board("bench", "bench", "any", core, 16_000_000, flash, ram, 0.0, {})
