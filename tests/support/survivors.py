"""Finds processes that outlive the ones that started them, by a mark in their environment."""

import os
import signal
import time
import uuid
from pathlib import Path

MARK = "SPARSE_MCU_TEST_MARK"


def new_mark() -> str:
    """Returns a value that no other test uses."""
    return uuid.uuid4().hex


def marked(mark: str) -> dict[int, str]:
    """Returns the living processes whose environment holds the mark, with their command lines (Linux)."""
    found: dict[int, str] = {}
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # the process has ended
            continue
    return found


def wait_until_gone(mark: str, seconds: float = 10.0) -> dict[int, str]:
    """Waits, and returns the processes that are left after at most `seconds`.

    They are killed, so that even a failing test leaves no process behind.
    """
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left
