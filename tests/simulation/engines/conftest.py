"""Every engine, over firmware that is built once per board and text."""

import shlex
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from small_firmware import build_assembly

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines import ENGINES, find_engine
from sparse_mcu.simulation.engines.protocol import Engine
from sparse_mcu.simulation.engines.renode import RenodeEngine, find_renode

Assemble = Callable[..., FirmwareImage]
STANDIN = Path(__file__).parents[2] / "support" / "renode_standin.py"


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that behaves like Renode; the variable STANDIN makes it misbehave."""
    program = tmp_path_factory.mktemp("stand in") / "renode"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(STANDIN))} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture(scope="session")
def real_renode() -> Path:
    """The Renode of this machine."""
    try:
        return find_renode()
    except EngineError as error:
        pytest.skip(str(error))


EMBEDDED = [name for name in ENGINES if name not in {"renode", "both"}]
RENODES = [pytest.param("real_renode", marks=pytest.mark.renode, id="renode"), pytest.param("standin", id="standin")]


@pytest.fixture(scope="session", params=[*EMBEDDED, *RENODES])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine; a new one joins by its entry in ENGINES. Renode is there as itself and as its stand-in."""
    if request.param in ENGINES:
        yield find_engine(request.param)
    else:
        renode = RenodeEngine(request.getfixturevalue(request.param))
        yield renode
        renode.close()


@pytest.fixture
def assemble(tmp_path: Path) -> Assemble:
    """Link functions in assembly for a board."""
    return partial(build_assembly, folder=tmp_path)
