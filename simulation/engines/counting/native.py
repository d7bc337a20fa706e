"""Compiles small C libraries for this machine on first use, with the compiler that pip installed."""

import ctypes
import shutil
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError, ToolchainError
from sparse_mcu.simulation.cache.folder import cached, is_ours, program_folder, scratch_folder
from sparse_mcu.simulation.toolchain.process import run_tool
from sparse_mcu.simulation.toolchain.zig import zig_environment, zig_program

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-g0")
_ALONE = ("-nostdlib",) if sys.platform == "linux" else ()  # takes 0.2 s instead of 5 s, and works with any libc


@cache
def load_native(source: Path) -> ctypes.CDLL:
    """Compiles a C file that needs no library (0.2 s, once per machine and content), and loads it.

    A library runs in this process. So it is loaded from the cache only if nobody else can have put it there, and if it
    is unchanged since it was compiled. Otherwise it is compiled again, for this process alone.

    Raises:
        EngineError: There is no compiler, or the library does not load.
    """
    try:
        program = zig_program()
        key = sha256(b"\0".join((source.read_bytes(), *(flag.encode() for flag in _FLAGS)))).hexdigest()
        name = source.stem + _SUFFIX

        def build(folder: Path) -> None:
            command = [program, "cc", *_FLAGS, *_ALONE, source.resolve(), "-o", name]
            what = f"compiling {source.name}"
            run_tool(command, directory=folder, what=what, fix="", environment=zig_environment())
            _digest_file(folder / name).write_text(_digest(folder / name))

        kept = program_folder("native") / key
        if kept.is_dir() and not _is_whole(kept / name):
            shutil.rmtree(kept, ignore_errors=True)
        library = cached(kept, build) / name
        if not _is_whole(library):
            library = cached(scratch_folder("native") / key, build) / name
        return ctypes.CDLL(str(library))
    except (ToolchainError, OSError) as error:
        raise EngineError(
            f"the engine's native counter cannot be made: {error}",
            where="engine",
            fix="Reinstall ziglang: `python -m pip install --force-reinstall ziglang`.",
        ) from error


def _is_whole(library: Path) -> bool:
    """Whether nobody else can have changed the library, and it is what was compiled."""
    try:
        return is_ours(library) and _digest_file(library).read_text() == _digest(library)
    except OSError:
        return False


def _digest_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
