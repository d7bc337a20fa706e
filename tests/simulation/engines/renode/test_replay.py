"""The script that repeats a run by hand, as a golden file, and under the tools of a real Renode."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines.protocol import RunRequest
from sparse_mcu.simulation.engines.renode import write_replay

Assemble = Callable[..., FirmwareImage]
M4 = load_board("nucleo-l4r5zi")
GOLDEN = Path(__file__).with_name("golden")
LOOP = {"Reset_Handler": "bl loop\nbl firmware_done", "loop": "movs r0, #100\n1: subs r0, #1\nbne 1b\nbx lr"}
LOOP_INSTRUCTIONS = 2 + 1 + 2 * 100 + 1


@pytest.fixture
def replay(assemble: Assemble, tmp_path: Path) -> tuple[Path, RunRequest]:
    image = assemble(LOOP, M4)
    stop = image.symbols["firmware_done"].address
    request = RunRequest(image, M4, {M4.ram.origin + 0x200: b"input"}, {}, (), stop, 1000)
    return write_replay(request, tmp_path, LOOP_INSTRUCTIONS), request


def addresses_hidden(script: str) -> str:
    """A script without the addresses at which this machine's compiler happened to put functions."""
    return re.sub(r"(AddHook|halted at) 0x0*8\w+", r"\1 0x...", script)


def test_the_script_is_this(replay: tuple[Path, RunRequest]) -> None:
    script = replay[0].read_text()
    assert addresses_hidden(script) == (GOLDEN / "firmware.resc").read_text()
    assert f"cpu AddHook {replay[1].stop_address:#010x}" in script


def test_every_file_that_the_script_names_is_there_but_what_it_writes(replay: tuple[Path, RunRequest]) -> None:
    script, _ = replay
    named = set(re.findall(r"\$ORIGIN/(\S+)", script.read_text()))
    assert {name for name in named if not (script.parent / name).exists()} == {"metrics.bin"}
    assert "input" in {(script.parent / name).read_bytes().decode(errors="replace") for name in named - {"metrics.bin"}}


def test_symbols_are_loaded_only_where_the_elf_lies_beside_the_script(
    replay: tuple[Path, RunRequest], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "LoadSymbolsFrom" in replay[0].read_text()
    assert "LoadSymbolsFrom" not in write_replay(replay[1], elsewhere, 1).read_text()


@pytest.mark.parametrize("instructions", [99, 100, 101])
def test_the_script_leaves_time_for_more_than_the_run(
    replay: tuple[Path, RunRequest], tmp_path: Path, instructions: int
) -> None:
    """The core halts where the next instruction would begin. Old versions of Renode wait whole microseconds only."""
    script = write_replay(replay[1], tmp_path, instructions).read_text()
    seconds = float(re.findall(r'RunFor "(.*)"', script)[0])
    assert int(seconds * 1e6) * 100 > instructions


def test_the_robot_file_expects_the_end_of_this_run(replay: tuple[Path, RunRequest]) -> None:
    script, request = replay
    robot = (script.parent / "firmware.robot").read_text()
    assert f"include @${{FOLDER}}/{script.name}" in robot
    assert dict(re.findall(r"^\$\{(\w+)\} +(\S+)$", robot, re.MULTILINE)) == {
        "FOLDER": "${CURDIR}",
        "END": f"{request.stop_address:#x}",
        "INSTRUCTIONS": str(LOOP_INSTRUCTIONS),
    }
    assert "@END@" not in robot
    assert "@INSTRUCTIONS@" not in robot


@pytest.mark.renode
def test_the_script_runs_by_hand(replay: tuple[Path, RunRequest], real_renode: Path) -> None:
    command = [str(real_renode), "--console", "--disable-gui", "--plain", "-e", f"i @{replay[0]}", "-e", "quit"]
    reading, writing = os.pipe()  # stays open: where its input ends, Renode may quit before it has run the script
    try:
        said = subprocess.run(command, stdin=reading, capture_output=True, text=True, timeout=120, check=False).stdout
    finally:
        os.close(reading)
        os.close(writing)
    assert f"0x{LOOP_INSTRUCTIONS:016X}" in said
    assert (replay[0].parent / "metrics.bin").stat().st_size > 0


@pytest.mark.renode
def test_the_robot_file_passes_under_renode_test(replay: tuple[Path, RunRequest], real_renode: Path) -> None:
    tool = real_renode.with_name("renode-test")
    if not tool.exists() or shutil.which("bash") is None:
        pytest.skip("no renode-test beside renode")
    folder = replay[0].parent
    command = [str(tool), "--results-dir", str(folder), str(folder / "firmware.robot")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
