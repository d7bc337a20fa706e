"""Fixtures that every test may use."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from needed import missing

from sparse_mcu.simulation.processes.workers import usable_cores

# With this profile, CI tests every commit with the same examples. Without it, each run looks for new ones.
settings.register_profile("repeatable", derandomize=True, print_blob=True)

# A background job of a shell ignores Ctrl-C. The processes that a test starts and interrupts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]

# Tests must not fill the user's cache with objects and runs. A cache in this folder also serves the next run.
os.environ.setdefault("SPARSE_MCU_CACHE", str(ROOT / ".pytest_cache" / "sparse-mcu"))

# Each process gets one thread of torch, which tests import later. Threads that wait for each other on busy cores crawl.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Returns the folder with the reference models, planning instances and Renode recordings.

    The repository does not contain it. SPARSE_MCU_DATA names it, or it lies beside the checkout.
    """
    named = os.environ.get("SPARSE_MCU_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        missing("no reference data: set SPARSE_MCU_DATA to a folder with models/, schedules/, minimalloc/, renode/")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Lets `-n auto` use the cores that this process may use, and not all cores of the machine."""
    return usable_cores()
