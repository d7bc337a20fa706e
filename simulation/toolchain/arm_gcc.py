"""Runs arm-none-eabi-gcc, the GNU Arm embedded compiler."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.cache.programs import program_digest
from sparse_mcu.simulation.toolchain.flags import compile_flags
from sparse_mcu.simulation.toolchain.process import run_tool
from sparse_mcu.simulation.toolchain.protocol import LinkRequest, ObjectFile
from sparse_mcu.simulation.toolchain.stack_usage import read_stack_usage

NAME = "arm-none-eabi-gcc"
INSTALL_HINT = (
    f"Install {NAME} with `apt-get install gcc-arm-none-eabi` or from developer.arm.com, or use --toolchain zig."
)


@dataclass(frozen=True, slots=True)
class ArmGcc:
    """Compiles and links with arm-none-eabi-gcc, GNU ld and libgcc.

    Attributes:
        program: The compiler driver.
        version: For example "12.2.1".
    """

    program: Path
    version: str
    name: str = NAME

    @classmethod
    def find(cls) -> "ArmGcc":
        """Returns the one on PATH.

        Raises:
            ToolchainError: There is none, or it does not run.
        """
        program = shutil.which(NAME)
        if program is None:
            raise ToolchainError(f"{NAME} is not on PATH", where="toolchain", fix=INSTALL_HINT)
        version = run_tool([program, "-dumpfullversion"], directory=Path(), what="toolchain", fix=INSTALL_HINT)
        return cls(Path(program), version.strip())

    def recipe(self, core: Core) -> tuple[str, ...]:
        """See `Toolchain.recipe`."""
        programs = (self.program, *_passes(self.program))
        return *map(program_digest, programs), *_compile_arguments(core, "source", "output")

    def compile(self, source: Path, core: Core, output: Path) -> ObjectFile:
        """See `Toolchain.compile`."""
        command: list[str | Path] = [self.program, *_compile_arguments(core, source.name, str(output.resolve()))]
        run_tool(command, directory=source.parent, what=f"compiling {source.name}", fix="")
        return ObjectFile(output, read_stack_usage(output.with_suffix(".su")))

    def link(self, request: LinkRequest) -> None:
        """See `Toolchain.link`."""
        core = request.core
        command: list[str | Path] = [
            self.program,
            *("-mthumb", f"-mcpu={core.name}", "-mfloat-abi=soft", "-nostdlib", "-static"),
            *("-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,--strip-debug", "-Wl,--no-warn-rwx-segments"),
            *("-T", request.script.resolve(), f"-Wl,--defsym=__stack_size={request.stack_bytes}"),
            *(path.resolve() for path in request.objects),
            *("-lgcc", "-o", request.output.resolve()),
        ]
        run_tool(command, directory=request.output.parent, what=f"linking {request.output.name}", fix="")


def _compile_arguments(core: Core, source: str, output: str) -> tuple[str, ...]:
    return (*compile_flags(core), f"-frandom-seed={source}", "-c", source, "-o", output)


@cache
def _passes(program: Path) -> tuple[Path, ...]:
    """Returns the programs that the driver starts to compile."""
    asked = (
        run_tool([program, f"-print-prog-name={name}"], directory=Path(), what="toolchain", fix=INSTALL_HINT)
        for name in ("cc1", "as")
    )
    found = (shutil.which(answer.strip()) for answer in asked)
    return tuple(Path(each) for each in found if each)
