"""Native helpers: compiled once, loaded anywhere, and failing in one clear line."""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.counting.native import load_native


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and nothing loaded."""
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "cache"))
    load_native.cache_clear()
    yield tmp_path / "cache"
    load_native.cache_clear()


def test_a_library_is_compiled_once_and_works(tmp_path: Path, empty_cache: Path) -> None:
    source = tmp_path / "sum.c"
    source.write_text("int sum(int a, int b);\nint sum(int a, int b) { return a + b; }\n")
    assert load_native(source).sum(40, 2) == 42
    (compiled,) = (empty_cache / "native").iterdir()
    load_native.cache_clear()
    assert load_native(source).sum(1, 2) == 3
    assert list((empty_cache / "native").iterdir()) == [compiled]


def planted(source: Path, cache: Path) -> Path:
    """A library in the cache that answers 666 instead of what the source says."""
    source.write_text("int answer(void);\nint answer(void) { return 666; }\n")
    load_native(source)
    (evil,) = (cache / "native").glob("*/answer*.so")
    content = evil.read_bytes()
    source.write_text("int answer(void);\nint answer(void) { return 42; }\n")
    load_native.cache_clear()
    load_native(source)
    load_native.cache_clear()
    (kept,) = set((cache / "native").glob("*/answer*.so")) - {evil}
    kept.unlink()
    kept.write_bytes(content)
    return kept


def test_a_library_that_is_not_what_was_compiled_is_replaced(tmp_path: Path, empty_cache: Path) -> None:
    kept = planted(tmp_path / "answer.c", empty_cache)
    assert load_native(tmp_path / "answer.c").answer() == 42
    assert kept.with_suffix(".sha256").read_text() == hashlib.sha256(kept.read_bytes()).hexdigest()


def test_a_library_that_others_may_have_written_is_not_loaded(tmp_path: Path, empty_cache: Path) -> None:
    kept = planted(tmp_path / "answer.c", empty_cache)
    kept.with_suffix(".sha256").write_text(hashlib.sha256(kept.read_bytes()).hexdigest())
    (empty_cache / "native").chmod(0o777)
    assert load_native(tmp_path / "answer.c").answer() == 42


def test_other_content_is_another_library(tmp_path: Path) -> None:
    source = tmp_path / "answer.c"
    source.write_text("int answer(void);\nint answer(void) { return 41; }\n")
    assert load_native(source).answer() == 41
    load_native.cache_clear()
    source.write_text("int answer(void);\nint answer(void) { return 42; }\n")
    assert load_native(source).answer() == 42


def test_broken_code_is_an_engine_error(tmp_path: Path, empty_cache: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int f(void) { return }\n")
    with pytest.raises(EngineError, match=r"native counter cannot be made.*broken\.c"):
        load_native(source)
    assert list((empty_cache / "native").iterdir()) == []


def test_a_missing_compiler_is_an_engine_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (tmp_path / "any.c").write_text("int x;\n")
    with pytest.raises(EngineError, match=r"ziglang is missing.*pip install"):
        load_native(tmp_path / "any.c")
