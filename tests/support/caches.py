"""Gives a test a cache of its own, empty but for what takes seconds to make and is no concern of the test."""

from pathlib import Path

import pytest

from sparse_mcu.simulation.cache.folder import VARIABLE, program_folder


def use_own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes `folder` the cache. It is empty but for a link to zig's compiler-rt of the usual cache. Returns it."""
    runtimes = program_folder("compiler-rt")
    folder.mkdir()
    (folder / "compiler-rt").symlink_to(runtimes)
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder
