"""Fixtures for everything that compiles."""

import pytest
from needed import need

from sparse_mcu.simulation.toolchain import FINDERS, arm_gcc, find_toolchain
from sparse_mcu.simulation.toolchain.protocol import Toolchain


@pytest.fixture(scope="session", params=FINDERS)
def toolchain(request: pytest.FixtureRequest) -> Toolchain:
    """Every toolchain that is installed (zig always is); a new one joins by its entry in FINDERS."""
    if request.param == arm_gcc.NAME:
        need(arm_gcc.NAME)
    return find_toolchain(request.param)
