"""No process outlives its parent: compilers that hang, runs without end, pools at work; each signal, really sent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from survivors import MARK, marked, new_mark, wait_until_gone

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.simulation.processes.children import child_group, end_children

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc"),
]

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
# A compiler that knows its version and then hangs, as does what it started.
COMPILER = '#!/bin/sh\n[ "$1" = -dumpfullversion ] && echo 1.2.3 && exit\nsleep 600 & sleep 600\n'
SUPPORT = Path(__file__).parents[2] / "support"
HEAD = f"import sys\nsys.path.insert(0, {str(SUPPORT)!r})\nfrom pathlib import Path\n"
BUILD = HEAD + (
    "from sparse_mcu.costmodel.cli import main\n"
    "main(['simulate', sys.argv[1], '--board', 'microbit', '--toolchain', 'arm-none-eabi-gcc'])\n"
)
RUN = HEAD + (
    "from small_firmware import build_assembly, run\n"
    "from sparse_mcu.costmodel.devices import load_board\n"
    "from sparse_mcu.simulation.engines.unicorn import UnicornEngine\n"
    "from sparse_mcu.simulation.toolchain import find_toolchain\n"
    "board, folder = load_board('microbit'), Path(sys.argv[1]).parent\n"
    "image = build_assembly({'Reset_Handler': '1: nop\\nb 1b'}, board, folder, find_toolchain('zig'))\n"
    "(folder / 'begun').touch()\n"
    "run(UnicornEngine(), image, board, budget=10**15)\n"
)
POOL = HEAD + (
    "from sparse_mcu.costmodel.devices import load_board\n"
    "from sparse_mcu.simulation.jobs.job import Job\nfrom sparse_mcu.simulation.jobs.pool import SimulationPool\n"
    "from sparse_mcu.simulation.execution.target import Target\n"
    "job = Job(Path(sys.argv[1]), Target(load_board('microbit'), 'arm-none-eabi-gcc'))\n"
    "with SimulationPool(2) as pool:\n"
    "    pool.run([job] * 8)\n"
)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A folder with a model and a compiler that hangs."""
    compiler = tmp_path / "bin" / "arm-none-eabi-gcc"
    compiler.parent.mkdir()
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    write_network("plain", tmp_path)
    return tmp_path


def start(script: str, folder: Path, mark: str) -> subprocess.Popen[bytes]:
    """Run a script with the mark, the hanging compiler first on PATH, and an empty cache."""
    changed = {MARK: mark, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder / "plain.onnx")],
        env={**os.environ, **changed, "SPARSE_MCU_CACHE_MIB": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(mark: str, command: str, count: int) -> None:
    """Wait until that many marked processes have `command` in their command lines."""
    deadline = time.monotonic() + 60
    while sum(command in line for line in marked(mark).values()) < count:
        assert time.monotonic() < deadline, marked(mark)
        time.sleep(0.05)


@pytest.mark.parametrize("sent", SIGNALS)
@pytest.mark.parametrize(("script", "sleepers"), [(BUILD, 2), (POOL, 4)], ids=["build", "pool"])
def test_compilers_that_hang_end_with_whoever_started_them(
    parent: Path, script: str, sleepers: int, sent: signal.Signals
) -> None:
    mark = new_mark()
    process = start(script, parent, mark)
    try:
        wait_for(mark, "sleep 600", sleepers)
    finally:
        process.send_signal(sent)
    begun = time.monotonic()
    process.wait(20)
    assert time.monotonic() - begun < 5
    assert wait_until_gone(mark) == {}


@pytest.mark.parametrize("sent", SIGNALS)
def test_an_endless_run_ends_with_its_process(parent: Path, sent: signal.Signals) -> None:
    mark = new_mark()
    process = start(RUN, parent, mark)
    while not (parent / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(sent)
    process.wait(10)
    assert wait_until_gone(mark) == {}


def sleeper(group: int | None) -> subprocess.Popen[bytes]:
    """A child that has a child."""
    return subprocess.Popen(["/bin/sh", "-c", "sleep 600 & sleep 600"], process_group=group)


def test_ending_children_ends_theirs_and_the_next_ones_have_a_new_group() -> None:
    first = child_group()
    assert first == child_group()
    child = sleeper(first)
    end_children()
    assert child.wait(5) == -signal.SIGKILL
    end_children()
    second = child_group()
    assert second != first
    with sleeper(second) as other:
        assert other.poll() is None
        end_children()


def test_a_watch_that_was_killed_is_replaced() -> None:
    first = child_group()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while child_group() == first:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with sleeper(child_group()) as child:
        end_children()
    assert child.returncode == -signal.SIGKILL
