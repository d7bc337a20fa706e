"""Runs compilers and linkers, and turns their failures into one clear line."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.processes.children import child_group

_SHOWN_LINES = 3
_TIMEOUT_SECONDS = 300.0
_MARKS = ("error", "undefined reference", "overflowed by", "will not fit")  # the last two come from GNU ld
_TOOL_FOLDER = re.compile(r"^/\S*/(?=[\w.-]+: )")


def run_tool(
    command: Sequence[str | Path],
    *,
    directory: Path,
    what: str,
    fix: str,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs a tool and returns its standard output. The tool, and what it starts, ends with this process.

    Args:
        command: Program and arguments.
        directory: Where it runs. Relative names keep this machine's paths out of what it writes.
        what: What was being done, for the message, e.g. "compiling model.c".
        fix: What the user can do if it fails.
        environment: Variables to set besides those of this process.

    Raises:
        ToolchainError: The tool is missing, hangs or fails. The message holds its first diagnostics.
    """
    program = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours, no shell is involved
            [str(part) for part in command],
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | dict(environment or {}),
            process_group=child_group(),
        )
    except OSError as error:
        raise ToolchainError(f"{program} cannot be run: {error}", where=what, fix=fix) from error
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"{program} did not end within {_TIMEOUT_SECONDS:.0f} s", where=what, fix=fix) from error
    if done.returncode != 0:
        raise ToolchainError(f"{program} failed: {_first_diagnostics(done.stderr or done.stdout)}", where=what, fix=fix)
    return done.stdout


def _first_diagnostics(output: str) -> str:
    """Returns the first lines that name an error, or else the first lines, joined into one."""
    lines = [_TOOL_FOLDER.sub("", line.strip()) for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("collect2: ")] or lines  # collect2 repeats that ld failed
    errors = [line for line in telling if any(mark in line.lower() for mark in _MARKS)]
    return " | ".join((errors or telling)[:_SHOWN_LINES]) or "no diagnostics"
