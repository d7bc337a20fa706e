"""The store: right or nothing, whatever happened to its files; bounded; shared."""

import errno
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE, Store, content_key

PARTS = {"numbers": bytes(range(256)), "empty": b"", "text/with a name": "grüße".encode()}
KEY = content_key("what it is made of")
HEAD = "from sparse_mcu.simulation.cache.store import Store, content_key\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store named "runs" lies."""
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path))
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    return tmp_path / "runs"


def entries(folder: Path) -> list[Path]:
    """All files of a store."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_put_is_got(folder: Path) -> None:
    assert Store("runs").get(KEY) is None
    Store("runs").put(KEY, PARTS)
    assert Store("runs").get(KEY) == PARTS
    assert Store("objects").get(KEY) is None
    assert [path.name for path in entries(folder)] == [KEY]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**9), change=st.integers(1, 255), how=st.sampled_from(["flip", "cut", "grow"]))
def test_a_damaged_entry_is_none_and_is_replaced(folder: Path, position: int, change: int, how: str) -> None:
    store = Store("runs")
    store.put(KEY, PARTS)
    (path,) = entries(folder)
    content = bytearray(path.read_bytes())
    at = position % len(content)
    if how == "flip":
        content[at] ^= change
    path.write_bytes({"flip": content, "cut": content[:at], "grow": content + bytes(change)}[how])
    assert store.get(KEY) is None
    store.put(KEY, PARTS)
    assert store.get(KEY) == PARTS


def test_the_log_tells_hits_misses_and_damage(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store("runs")
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu.simulation.cache"):
        store.get(KEY)
        store.put(KEY, PARTS)
        store.get(KEY)
        (path,) = entries(folder)
        path.write_bytes(b"damage")
        store.get(KEY)
    assert caplog.messages == [f"no entry {path}", f"found entry {path}", f"damaged entry {path} counts as missing"]


def test_an_entry_under_another_name_is_none(folder: Path) -> None:
    store = Store("runs")
    store.put(KEY, PARTS)
    other = content_key("something else")
    (folder / other[0]).mkdir(exist_ok=True)
    (folder / KEY[0] / KEY).rename(folder / other[0] / other)
    assert store.get(other) is None


def test_keys_tell_parts_apart() -> None:
    assert len({content_key("ab", "c"), content_key("a", "bc"), content_key("abc"), content_key("c", "ab")}) == 4
    assert content_key("a", b"b") == content_key(b"a", "b")


def test_it_stays_within_its_limit_and_keeps_what_was_used_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    store = Store("runs")
    keys = [f"a{index:063d}" for index in range(20)]  # one shard: 64 KiB
    for age, key in enumerate(keys):
        store.put(key, {"noise": os.urandom(10_000)})
        os.utime(folder / "a" / key, (age, age)) if (folder / "a" / key).exists() else None
        assert store.get(keys[0]) is not None  # read again and again: never the oldest
    kept = [key for key in keys if store.get(key) is not None]
    assert kept[0] == keys[0]
    assert kept[1:] == keys[-len(kept) + 1 :]
    assert 3 <= len(kept) <= 6
    assert sum(path.stat().st_size for path in entries(folder)) <= (1 << 20) // 16


def test_the_variable_turns_it_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store("runs").put(KEY, PARTS)
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    off = Store("runs")
    assert off.get(KEY) is None
    off.put(content_key("more"), PARTS)
    assert [path.name for path in entries(folder)] == [KEY]


@pytest.mark.parametrize("value", ["much", "-1", "1.5", ""])
def test_a_limit_that_is_no_number_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, value)
    with pytest.raises(SparseMcuError, match=LIMIT_VARIABLE):
        Store("runs")


def test_what_cannot_be_written_is_not_kept(folder: Path) -> None:
    store = Store("runs")
    (folder / KEY[0]).write_text("a file in the way")
    store.put(KEY, PARTS)
    assert store.get(KEY) is None


def test_a_cache_that_is_only_read_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store("runs").put(KEY, PARTS)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system")

    for module, name in ((os, "utime"), (os, "mkdir"), (tempfile, "mkstemp")):
        monkeypatch.setattr(module, name, refuse)
    store = Store("runs")
    assert store.get(KEY) == PARTS
    store.put(content_key("more"), PARTS)
    assert store.get(content_key("more")) is None
    assert [path.name for path in entries(folder)] == [KEY]


def test_processes_that_write_read_and_evict_at_once_never_see_half(folder: Path) -> None:
    code = HEAD + (
        "import sys, os\n"
        "store, seen = Store('runs'), 0\n"
        "for turn in range(150):\n"
        "    key = 'b' * 63 + str(turn % 10)\n"
        "    found = store.get(key)\n"
        "    if found is not None:\n"
        "        seen += 1\n"
        "        assert found == {'name': key.encode() * 200}, found\n"
        "    store.put(key, {'name': key.encode() * 200})\n"
        "print(seen)\n"
    )
    environment = {**os.environ, LIMIT_VARIABLE: "1"}
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert all(int(answer) > 100 for answer in answers)
    assert len(entries(folder)) == 10


def test_a_writer_that_is_killed_leaves_no_entry(folder: Path) -> None:
    code = HEAD + "while True:\n    Store('runs').put('c' * 64, {'noise': bytes(3_000_000)})\n"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not entries(folder):
        time.sleep(0.01)
    process.kill()
    process.wait()
    found = Store("runs").get("c" * 64)
    assert found is None or found == {"noise": bytes(3_000_000)}
