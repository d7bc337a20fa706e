"""Nothing is left behind, however the parent ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparse_mcu.simulation.engines.renode.process import GuardedProcess

pytestmark = pytest.mark.xdist_group("processes")
# A program with a child of its own; it says both process numbers and its folder's name, and then ignores everything.
FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
print(os.getpid(), child.pid, os.environ["TMPDIR"], flush=True)
time.sleep(1000)
"""
PARENT = """
import sys, time
from sparse_mcu.simulation.engines.renode.process import GuardedProcess
process = GuardedProcess([sys.executable, "-c", sys.argv[1]], {{}})
line = b""
while not line.endswith(b"\\n"):
    line += process.read(time.monotonic() + 30)
print(line.decode(), end="", flush=True)
{end}
"""


def alive(number: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(line: str) -> bool:
    """Whether the family and its folder vanish within a few seconds."""
    program, child, folder = line.split()
    deadline = time.monotonic() + 10
    while alive(int(program)) or alive(int(child)) or Path(folder).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def read_line(process: GuardedProcess) -> str:
    line = b""
    while not line.endswith(b"\n"):
        data = process.read(time.monotonic() + 30)
        assert data, "the program ended early"
        line += data
    return line.decode()


def test_close_ends_the_whole_group_and_removes_the_folder() -> None:
    process = GuardedProcess([sys.executable, "-c", FAMILY], {"config": "folder = {folder}"})
    assert (process.folder / "config").read_text() == f"folder = {process.folder}"
    line = read_line(process)
    assert line.split()[2] == str(process.folder)
    process.close()
    assert gone(line)
    process.close()


def test_what_is_forgotten_is_ended() -> None:
    process = GuardedProcess([sys.executable, "-c", FAMILY], {})
    line = read_line(process)
    del process
    assert gone(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_nothing_outlives_a_parent_that_is_killed(number: signal.Signals) -> None:
    code = PARENT.format(end="time.sleep(1000)")
    with subprocess.Popen(
        [sys.executable, "-c", code, FAMILY], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        line = parent.stdout.readline()
        assert alive(int(line.split()[0]))
        os.kill(parent.pid, number)
        assert gone(line)


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "import os; os._exit(1)"])
def test_nothing_outlives_a_parent_that_ends(end: str) -> None:
    command = [sys.executable, "-c", PARENT.format(end=end), FAMILY]
    assert gone(subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout)


def test_the_guard_that_is_told_to_end_takes_the_program_along() -> None:
    process = GuardedProcess([sys.executable, "-c", FAMILY], {})
    line = read_line(process)
    process._guard.terminate()
    assert gone(line)
    process.close()


def test_a_program_that_ends_by_itself_is_seen() -> None:
    process = GuardedProcess([sys.executable, "-c", "print('bye', end='')"], {})
    assert read_all(process) == b"bye"
    assert not process.folder.exists()
    process.close()


def test_a_program_that_cannot_start_is_seen(tmp_path: Path) -> None:
    process = GuardedProcess([str(tmp_path / "nothing")], {})
    assert b"No such file" in read_all(process)
    process.close()


def read_all(process: GuardedProcess) -> bytes:
    data, whole = process.read(time.monotonic() + 30), b""
    while data:
        whole += data
        data = process.read(time.monotonic() + 30)
    assert data == b""
    return whole


def test_reading_waits_no_longer_than_it_may() -> None:
    process = GuardedProcess([sys.executable, "-c", "import time; time.sleep(1000)"], {})
    started = time.monotonic()
    assert process.read(started + 0.2) is None
    assert time.monotonic() - started < 5
    process.close()


def test_the_folder_is_none_that_another_renode_would_clean_up() -> None:
    """Renode removes folders named "renode-*" beside its own when it starts (TemporaryFilesManager)."""
    process = GuardedProcess([sys.executable, "-c", ""], {})
    assert not process.folder.name.startswith("renode-")
    process.close()
