"""The engine on the stand-in: what is Renode's own, and everything that can go wrong with a second process."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from small_firmware import run

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE
from sparse_mcu.simulation.engines.cached import CachedEngine
from sparse_mcu.simulation.engines.protocol import Verdict
from sparse_mcu.simulation.engines.renode import RenodeEngine
from sparse_mcu.simulation.engines.renode.counter import PLUGIN
from sparse_mcu.simulation.engines.unicorn import UnicornEngine

pytestmark = pytest.mark.xdist_group("processes")
Assemble = Callable[..., FirmwareImage]
Make = Callable[..., RenodeEngine]

M4 = load_board("nucleo-l4r5zi")
LOOP = {
    "Reset_Handler": "push {r0, r1}\nbl loop\nbl firmware_done",
    "loop": "movs r0, #100\n1: subs r0, #1\nbne 1b\nbx lr",
}
LOOP_INSTRUCTIONS = 3 + 1 + 2 * 100 + 1
ENDLESS = {"Reset_Handler": "1: nop\nb 1b"}
READS = {"ram": (M4.ram.origin, 64), "nothing": (M4.ram.origin, 0)}


@pytest.mark.parametrize("troubles", ["", "split", "colours", "slow", "split colours"])
def test_it_counts_as_unicorn_does_whatever_the_stream_looks_like(
    make: Make, assemble: Assemble, troubles: str
) -> None:
    image = assemble(LOOP, M4)
    ours, theirs = (
        run(engine, image, M4, phases=("loop",), reads=READS) for engine in (make(troubles), UnicornEngine())
    )
    assert ours.verdict is theirs.verdict is Verdict.FINISHED
    np.testing.assert_array_equal(ours.profile.executed, theirs.profile.executed)
    np.testing.assert_array_equal(ours.profile.taken, theirs.profile.taken)
    assert (ours.memory, ours.stack_used_bytes) == (theirs.memory, theirs.stack_used_bytes)
    assert (ours.engine, ours.engine_version) == ("renode", "1.16.1")


def test_renode_1_15_needs_its_prefix_and_counts_the_same(make: Make, assemble: Assemble) -> None:
    result = run(make("version=1.15.3.42"), assemble(LOOP, M4), M4)
    assert (result.verdict, result.profile.instructions) == (Verdict.FINISHED, LOOP_INSTRUCTIONS)
    assert result.engine_version == "1.15.3.42"


def test_one_process_serves_many_runs_and_is_cleared_between_them(
    make: Make, assemble: Assemble, tmp_path: Path
) -> None:
    commands = tmp_path / "commands"
    engine, image = make(f"log={commands}"), assemble(LOOP, M4)
    for budget in (1000, 1001, 1002):
        assert run(engine, image, M4, budget=budget).profile.instructions == LOOP_INSTRUCTIONS
    said = [line.split()[0] for line in commands.read_text().splitlines()]
    assert [said.count(word) for word in ("version", "i", "mach", "Clear")] == [1, 1, 3, 2]
    assert said.index("Clear") > said.index("mach")


def test_a_run_that_is_known_does_not_start_renode(
    make: Make, assemble: Assemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARSE_MCU_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    starts, image = tmp_path / "starts", assemble(LOOP, M4)
    results = [run(CachedEngine(make(f"starts={starts}")), image, M4) for _ in range(3)]
    assert starts.read_text() == "started\n"
    assert [(result.verdict, result.engine_version) for result in results] == [(Verdict.FINISHED, "1.16.1")] * 3


def test_a_profile_where_the_monitor_cannot_be_told_is_refused(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot be told the path.*metrics;quit"):
        run(make(profiler=tmp_path / "metrics;quit"), assemble(LOOP, M4), M4)


def test_the_plugin_is_loaded_from_a_path_that_can_be_typed(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    """Renode takes what is typed into a pipe for bytes, so a package below a folder like `é` would not be found."""
    commands = tmp_path / "commands"
    engine = make(f"log={commands}")
    assert run(engine, assemble(LOOP, M4), M4).verdict is Verdict.FINISHED
    loaded = next(line for line in commands.read_text().splitlines() if line.startswith("i @"))
    plugin = Path(loaded.removeprefix("i @"))
    assert plugin.parent == engine._started().folder
    assert plugin.read_bytes() == PLUGIN.read_bytes()


def test_the_profiler_writes_where_it_is_told(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    file = tmp_path / "with spaces" / "metrics.bin"
    file.parent.mkdir()
    file.write_bytes(b"of an earlier run")
    assert run(make(profiler=file), assemble(LOOP, M4), M4).verdict is Verdict.FINISHED
    assert file.read_bytes() == b"profile"


def test_a_count_that_is_not_renodes_own_is_no_result(make: Make, assemble: Assemble) -> None:
    with pytest.raises(
        EngineError, match=f"executed {LOOP_INSTRUCTIONS + 1} instructions, but {LOOP_INSTRUCTIONS} were"
    ):
        run(make("miscount"), assemble(LOOP, M4), M4)


@pytest.mark.parametrize("command", ["version", "i+@"])
@pytest.mark.parametrize("trouble", ["die", "refuse"])
def test_a_renode_that_does_not_come_up_is_an_error(make: Make, assemble: Assemble, trouble: str, command: str) -> None:
    engine = make(f"{trouble}={command}")
    with pytest.raises(EngineError, match="it ended" if trouble == "die" else "No such command or device"):
        run(engine, assemble(LOOP, M4), M4)


def test_an_old_renode_is_refused(make: Make, assemble: Assemble) -> None:
    with pytest.raises(EngineError, match=r"1\.14\.0 is too old"):
        run(make("version=1.14.0"), assemble(LOOP, M4), M4)


def test_a_refused_command_is_an_error_that_names_it(make: Make, assemble: Assemble) -> None:
    with pytest.raises(EngineError, match=r"Renode refused `machine LoadPlatformDescription @.*No such command"):
        run(make("refuse=machine"), assemble(LOOP, M4), M4)


@pytest.mark.parametrize("command", ["mach", "emulation+RunFor", "cpu+PC", "cpu+Dump"])
def test_death_is_a_verdict_and_the_next_run_starts_anew(
    make: Make, assemble: Assemble, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    engine, image = make(f"die={command}"), assemble(LOOP, M4)
    result = run(engine, image, M4, reads=READS)
    assert result.verdict is Verdict.ENGINE_DIED
    assert result.detail.startswith("it ended")
    assert result.profile.instructions == 0
    assert result.memory == {"ram": b"", "nothing": b""}
    monkeypatch.setenv("STANDIN", "")
    assert run(engine, image, M4).verdict is Verdict.FINISHED


def test_death_after_an_unfinished_run_is_a_verdict(make: Make, assemble: Assemble) -> None:
    result = run(make("die=Clear"), assemble(ENDLESS, M4), M4, budget=10_000)
    assert (result.verdict, result.profile.instructions) == (Verdict.ENGINE_DIED, 0)
    assert result.detail.startswith("it ended")


def test_death_between_two_runs_is_no_verdict_of_theirs(
    make: Make, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, image = make("die=Clear"), assemble(LOOP, M4)
    assert run(engine, image, M4, budget=1000).verdict is Verdict.FINISHED
    monkeypatch.setenv("STANDIN", "")
    assert run(engine, image, M4, budget=1001).verdict is Verdict.FINISHED


def test_a_hang_is_a_verdict(make: Make, assemble: Assemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.session._LOAD_SECONDS", 0.5)
    result = run(make("hang=emulation+RunFor"), assemble(LOOP, M4), M4)
    assert result.verdict is Verdict.ENGINE_DIED
    assert "no answer within" in result.detail


def test_a_flood_of_bad_accesses_is_cut_off_with_its_cause(make: Make, assemble: Assemble) -> None:
    started = time.monotonic()
    result = run(make("flood=emulation+RunFor"), assemble(LOOP, M4), M4)
    assert time.monotonic() - started < 30
    assert result.verdict is Verdict.BAD_MEMORY_ACCESS
    assert result.detail.startswith("write to unmapped memory at 0x40001000 (DoubleWord), at 0x8000066")


def test_ctrl_c_ends_run_and_process(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    number = tmp_path / "number"
    engine, image = make(f"child={number} hang=emulation+RunFor"), assemble(LOOP, M4)
    assert engine.version
    folder = engine._started().folder
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(engine, image, M4)
    timer.join()
    assert time.monotonic() - started < 20
    assert not folder.exists()
    assert ended(int(number.read_text()))


def ended(number: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False)  # noqa: S607
        if not state.stdout.strip() or state.stdout.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_an_endless_run_is_cut_in_slices_until_its_budget_is_used_up(
    make: Make, assemble: Assemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.work._FIRST_SLICE", 1000)
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.work._LARGEST_SLICE", 4000)
    commands = tmp_path / "commands"
    result = run(make(f"log={commands}"), assemble(ENDLESS, M4), M4, budget=10_000)
    assert result.verdict is Verdict.BUDGET_EXCEEDED
    assert result.profile.instructions == 10_300  # each slice has half a microsecond more
    slices = [line for line in commands.read_text().splitlines() if "RunFor" in line]
    assert [float(line.split('"')[1]) for line in slices] == [1.05e-5, 2.05e-5, 4.05e-5, 3.15e-5]


def test_a_firmware_that_resets_the_device_for_ever_ends_within_its_budget(
    make: Make, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset begins Renode's count anew, so the count alone would never reach the budget."""
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.work._FIRST_SLICE", 1000)
    result = run(make("forgets"), assemble(ENDLESS, M4), M4, budget=10_000)
    assert result.verdict is Verdict.BUDGET_EXCEEDED


def test_engines_in_parallel_do_not_disturb_each_other(make: Make, assemble: Assemble) -> None:
    image = assemble(LOOP, M4)
    engines = [make(), make()]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda index: run(engines[index % 2], image, M4), range(8)))
    assert {result.profile.instructions for result in results} == {LOOP_INSTRUCTIONS}
