"""Renode's engine on its stand-in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparse_mcu.simulation.engines.renode import RenodeEngine

Make = Callable[..., RenodeEngine]


@pytest.fixture
def make(standin: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make an engine on a stand-in with the troubles named."""
    engines: list[RenodeEngine] = []

    def maker(troubles: str = "", profiler: Path | None = None) -> RenodeEngine:
        monkeypatch.setenv("STANDIN", troubles)
        engines.append(RenodeEngine(standin, profiler=profiler))
        return engines[-1]

    yield maker
    for engine in engines:
        engine.close()
