"""Fixtures that every test may use."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from needed import missing

from sparse_mcu.simulation.processes.workers import usable_cores

# In CI a commit always meets the same examples; without this profile each run looks for new ones.
settings.register_profile("repeatable", derandomize=True, print_blob=True)

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]

# What tests keep (zig's own caches, objects, runs) stays out of the user's cache; kept here, it serves the next run.
os.environ.setdefault("SPARSE_MCU_CACHE", str(ROOT / ".pytest_cache" / "sparse-mcu"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the reference models, planning instances and Renode recordings.

    It is no part of the repository: SPARSE_MCU_DATA names it, or it lies beside the checkout.
    """
    named = os.environ.get("SPARSE_MCU_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        missing("no reference data: set SPARSE_MCU_DATA to a folder with models/, schedules/, minimalloc/, renode/")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto` takes the cores that this process may use, not all of the machine."""
    return usable_cores()
