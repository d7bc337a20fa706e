"""Ends tests that need something that is missing on a machine: they are skipped, but in CI they fail."""

import os
import shutil
from typing import NoReturn

import pytest

from sparse_mcu.simulation.toolchain import arm_gcc

# .ci/run sets this where it may not install packages. Then zig is the only compiler, and that alone may be skipped.
ZIG_ONLY = "SPARSE_MCU_ZIG_ONLY"


def is_ci() -> bool:
    """Returns whether this run decides about a commit."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def missing(what: str) -> NoReturn:
    """Ends a test that needs something that is missing."""
    if is_ci():
        pytest.fail(f"needed in CI: {what}")
    pytest.skip(what)


def need(command: str) -> str:
    """Returns the path of a command, or ends the test if it is missing."""
    found = shutil.which(command)
    if found is not None:
        return found
    if command == arm_gcc.NAME and os.environ.get(ZIG_ONLY) == "1":
        pytest.skip(f"{command} cannot be installed here")
    missing(f"{command} is not on PATH")
