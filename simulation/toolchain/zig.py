"""Runs clang, lld and compiler-rt from the PyPI package ziglang. Nothing else is needed on the machine.

`zig clang` and `zig ld.lld` are the plain LLVM tools, fast and free of zig's own defaults. zig itself is asked once per
core for its compiler-rt, which is then kept in the cache.
"""

import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.cache.folder import cached, program_folder, scratch_folder
from sparse_mcu.simulation.cache.programs import program_digest
from sparse_mcu.simulation.cache.store import content_key
from sparse_mcu.simulation.toolchain.flags import compile_flags
from sparse_mcu.simulation.toolchain.process import run_tool
from sparse_mcu.simulation.toolchain.protocol import LinkRequest, ObjectFile
from sparse_mcu.simulation.toolchain.stack_usage import read_stack_usage

NAME = "zig"
INSTALL_HINT = "Install zig with `python -m pip install ziglang`."
TRIPLES = {
    "armv6-m": "thumbv6m-none-eabi",
    "armv7-m": "thumbv7m-none-eabi",
    "armv7e-m": "thumbv7em-none-eabi",
    "armv8-m.main": "thumbv8m.main-none-eabi",
}


@dataclass(frozen=True, slots=True)
class Zig:
    """Compiles and links with LLVM as zig packages it.

    Attributes:
        program: The executable in the package `ziglang`.
        version: For example "0.17.1 (clang 22.1.8)".
    """

    program: Path
    version: str
    name: str = NAME

    @classmethod
    def find(cls) -> "Zig":
        """Returns the one that this Python can import.

        Raises:
            ToolchainError: It is not installed, or does not run.
        """
        program = zig_program()
        zig = run_tool([program, "version"], directory=Path(), what="toolchain", fix=INSTALL_HINT)
        clang = run_tool([program, "clang", "--version"], directory=Path(), what="toolchain", fix=INSTALL_HINT)
        found = re.search(r"clang version (\S+)", clang)
        return cls(program, f"{zig.strip()} (clang {found[1] if found else 'unknown'})")

    def recipe(self, core: Core) -> tuple[str, ...]:
        """See `Toolchain.recipe`."""
        return program_digest(self.program), *_compile_arguments(core, Path(), "source", "output")

    def compile(self, source: Path, core: Core, output: Path) -> ObjectFile:
        """See `Toolchain.compile`."""
        arguments = _compile_arguments(core, self.program.parent, source.name, str(output.resolve()))
        command: list[str | Path] = [self.program, *arguments]
        run_tool(command, directory=source.parent, what=f"compiling {source.name}", fix="")
        return ObjectFile(output, read_stack_usage(output.with_suffix(".su")))

    def link(self, request: LinkRequest) -> None:
        """See `Toolchain.link`."""
        command: list[str | Path] = [
            *(self.program, "ld.lld", "-static"),
            *("--gc-sections", "--build-id=none", "--strip-debug"),
            *("-T", request.script.resolve(), f"--defsym=__stack_size={request.stack_bytes}"),
            *(path.resolve() for path in request.objects),
            *(self._runtime(request.core), "-o", request.output.resolve()),
        ]
        run_tool(command, directory=request.output.parent, what=f"linking {request.output.name}", fix="")

    def _runtime(self, core: Core) -> Path:
        """Returns compiler-rt for `core`. It is built on first use (about 4 s) and kept."""
        arguments = (
            *("build-lib", "--name", "compiler_rt", "-O", "ReleaseSmall", "-fstrip"),
            *("-target", "thumb-freestanding-eabi", f"-mcpu={core.name.replace('-', '_')}"),
            *("-fno-unwind-tables", "-fsingle-threaded", "-ffunction-sections", "-fdata-sections"),
        )

        def build(folder: Path) -> None:
            command: list[str | Path] = [self.program, *arguments, self.program.parent / "lib" / "compiler_rt.zig"]
            what = f"building compiler-rt for {core.name}"
            run_tool(command, directory=folder, what=what, fix=INSTALL_HINT, environment=zig_environment())

        key = content_key(self.version, *arguments)
        return cached(program_folder("compiler-rt") / key, build) / "libcompiler_rt.a"


def _compile_arguments(core: Core, home: Path, source: str, output: str) -> tuple[str, ...]:
    """Returns what `zig` gets to compile a file. `home` is its folder."""
    return (
        *("clang", f"--target={TRIPLES[core.architecture]}"),
        *("-nostdinc", "-isystem", str(home / "lib" / "include")),
        *compile_flags(core),
        *("-c", source, "-o", output),
    )


def zig_program() -> Path:
    """Returns the executable of the installed package `ziglang`.

    Raises:
        ToolchainError: The package is not installed.
    """
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise ToolchainError("the Python package ziglang is missing", where="toolchain", fix=INSTALL_HINT)
    return Path(spec.origin).parent / ("zig.exe" if sys.platform == "win32" else "zig")


def zig_environment() -> dict[str, str]:
    """Returns variables that make zig keep its caches in ours, so no other folder needs to be writable."""
    kept = program_folder("zig")
    folder = str(kept if os.access(kept, os.W_OK) else scratch_folder("zig"))
    return {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
