"""What a test needs of its machine: without it the test is skipped where people work, and fails in CI."""

import os
import shutil
from typing import NoReturn

import pytest

from sparse_mcu.simulation.toolchain import arm_gcc

# The one thing that .ci/run may leave out: without the right to install packages there is only zig.
ZIG_ONLY = "SPARSE_MCU_ZIG_ONLY"


def is_ci() -> bool:
    """Whether this run decides about a commit."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def missing(what: str) -> NoReturn:
    """End the test that needs something that is not here."""
    if is_ci():
        pytest.fail(f"needed in CI: {what}")
    pytest.skip(what)


def need(command: str) -> str:
    """The path of a command; ends the test if it is not here."""
    found = shutil.which(command)
    if found is not None:
        return found
    if command == arm_gcc.NAME and os.environ.get(ZIG_ONLY) == "1":
        pytest.skip(f"{command} cannot be installed here")
    missing(f"{command} is not on PATH")
