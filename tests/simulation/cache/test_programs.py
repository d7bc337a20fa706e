"""Programs by content: read once, and again whenever they may have changed."""

import hashlib
import os
from pathlib import Path

import pytest

from sparse_mcu.simulation.cache.programs import _digest, program_digest, program_key
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    _digest.cache_clear()


def test_it_is_the_contents_digest_whatever_the_times(tmp_path: Path) -> None:
    program = tmp_path / "cc"
    for content in (b"one", b"two"):
        program.write_bytes(content)
        os.utime(program, (7, 7))  # as `cp -p` and unpacking leave it
        assert program_digest(program) == hashlib.sha256(content).hexdigest()


def test_it_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "cc"
    program.write_bytes(b"one")
    first = program_digest(program)
    _digest.cache_clear()
    monkeypatch.setattr("sparse_mcu.simulation.cache.programs.file_digest", None)
    assert program_digest(program) == first


def test_a_link_is_its_program(tmp_path: Path) -> None:
    (tmp_path / "cc").write_bytes(b"one")
    (tmp_path / "link").symlink_to("cc")
    assert program_key(tmp_path / "link") == program_key(tmp_path / "cc")
