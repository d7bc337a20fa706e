"""Every engine, over firmware that is built once per board and text."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from small_firmware import build_assembly

from simulation.engines import ENGINES, find_engine
from simulation.engines.protocol import Engine
from simulation.image import FirmwareImage

Assemble = Callable[..., FirmwareImage]


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine; a new one joins by its entry in ENGINES."""
    return find_engine(request.param)


@pytest.fixture
def assemble(tmp_path: Path) -> Assemble:
    """Link functions in assembly for a board."""
    return partial(build_assembly, folder=tmp_path)
