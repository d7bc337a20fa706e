"""Finds Renode on this machine, and reads its version."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.processes.children import child_group

VARIABLE = "RENODE"
OLDEST = (1, 15)
_PROGRAM = "renode"
_INSTALL = (
    "Unpack a portable build of Renode 1.15 or 1.16 (github.com/renode/renode/releases; the .NET and the Mono build "
    f"both serve), then put it on PATH, set {VARIABLE} to it, or give `--renode PATH`."
)
_VERSION = re.compile(r"Renode(?:, version| v)\s*(\d+)\.(\d+)((?:\.\d+)*)")  # as the monitor or the program prints it
_ANSWER_SECONDS = 60.0


def find_renode(given: Path | None = None) -> Path:
    """Returns the Renode to use: the given one, else that of the variable RENODE, else that on PATH.

    Args:
        given: The program, or the folder of an unpacked portable build.

    Raises:
        EngineError: There is none. The message says how to install it.
    """
    named = os.environ.get(VARIABLE)
    if given is not None:
        return _program(given, "--renode")
    if named:
        return _program(Path(named), VARIABLE)
    if found := shutil.which(_PROGRAM):
        return Path(found)
    raise EngineError("Renode is not installed", where=_PROGRAM, fix=_INSTALL)


def _program(path: Path, origin: str) -> Path:
    program = path / _PROGRAM if path.is_dir() else path
    if not program.is_file() or not os.access(program, os.X_OK):
        raise EngineError(f"{origin} names no program that can be run: {path}", where=_PROGRAM, fix=_INSTALL)
    return program.absolute()


def installed_version(program: Path) -> str:
    """Returns the version that `renode --version` prints, in a fraction of a second.

    Raises:
        EngineError: The program does not run, is too old, or does not say that it is Renode.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="sparse-mcu-") as folder:
            done = subprocess.run(  # noqa: S603 - the program that the user named
                [program, "--version"],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_ANSWER_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"TMPDIR": folder},
                process_group=child_group(),
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"Renode cannot be run: {error}", where=_PROGRAM, fix=_INSTALL) from error
    return check_version(done.stdout.splitlines())


def check_version(lines: Iterable[str]) -> str:
    """Returns the version that Renode printed, e.g. "1.16.1".

    Versions newer than the tested ones are accepted, because every run checks its own counts.

    Raises:
        EngineError: The version is too old, or no version was printed.
    """
    match = next((found for line in lines if (found := _VERSION.search(line))), None)
    if match is None:
        raise EngineError("the program does not say that it is Renode", where=_PROGRAM, fix=_INSTALL)
    major, minor, rest = match.groups()
    version = f"{major}.{minor}{rest}"
    if (int(major), int(minor)) < OLDEST:
        raise EngineError(f"Renode {version} is too old", where=_PROGRAM, fix=_INSTALL)
    return version
