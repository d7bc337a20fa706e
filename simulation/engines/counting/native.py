"""Small C libraries for this machine, compiled on first use by the compiler that pip installed."""

import ctypes
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError, ToolchainError
from sparse_mcu.simulation.cache.folder import cache_folder, cached
from sparse_mcu.simulation.toolchain.process import run_tool
from sparse_mcu.simulation.toolchain.zig import zig_environment, zig_program

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-g0")
_ALONE = ("-nostdlib",) if sys.platform == "linux" else ()  # 0.2 s instead of 5 s, and at home on any libc


@cache
def load_native(source: Path) -> ctypes.CDLL:
    """Compile a C file that needs no library (0.2 s, once per machine and content) and load it.

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

        return ctypes.CDLL(str(cached(cache_folder("native") / key, build) / name))
    except (ToolchainError, OSError) as error:
        raise EngineError(
            f"the engine's native counter cannot be made: {error}",
            where="engine",
            fix="Reinstall ziglang: `python -m pip install --force-reinstall ziglang`.",
        ) from error
