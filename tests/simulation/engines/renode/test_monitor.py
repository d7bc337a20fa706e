"""Talking to the recorded monitor, whole, slow, in pieces, and broken."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from renode_recordings import read_monitor

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.monitor import Monitor, NoAnswerError
from sparse_mcu.simulation.engines.renode.process import GuardedProcess
from sparse_mcu.simulation.engines.renode.verdict import is_fatal

pytestmark = pytest.mark.xdist_group("processes")
REPLAYER = Path(__file__).parents[3] / "support" / "renode_replayer.py"
RUN = 'emulation RunFor "0.1"'
Start = Callable[..., Monitor]


@pytest.fixture
def recording(shared_data: Path) -> Path:
    return shared_data / "renode" / "monitor_1.16.1.txt"


@pytest.fixture
def start(recording: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start the recorded monitor with the troubles named, and skip to a command."""
    processes: list[GuardedProcess] = []

    def starter(troubles: str = "", *, until: str = "version") -> Monitor:
        monkeypatch.setenv("STANDIN", troubles)
        processes.append(GuardedProcess([sys.executable, str(REPLAYER), str(recording)], {}))
        monitor = Monitor(processes[-1])
        for exchange in read_monitor(recording)[1:]:
            if exchange.sent == until:
                return monitor
            ask(monitor, exchange.sent)
        raise AssertionError(until)

    yield starter
    for process in processes:
        process.close()


def ask(monitor: Monitor, command: str) -> tuple[str, ...] | str:
    """The answer's lines, or what was refused."""
    try:
        return monitor.ask(command, with_logs=command == RUN).lines
    except EngineError as error:
        return error.what


@pytest.mark.parametrize("troubles", ["", "slow", "split", "colours", "split colours"])
def test_every_recorded_answer_is_understood(start: Start, recording: Path, troubles: str) -> None:
    monitor = start(troubles)
    answers = {each.sent: ask(monitor, each.sent) for each in read_monitor(recording)[1:]}
    assert answers["version"] == ("Renode, version 1.16.1 (d66b0c2a-local)",) * 2  # the greeting, and the answer
    assert answers["cpu ExecutedInstructions"] == ("0x0000000000000BD6",)
    assert answers["cpu PC"] == ("0x8000014",)
    assert answers["cpu IsHalted"] == ("True",)
    assert answers["Clear"] == ()
    assert answers["quit"] == ("Renode is quitting",)
    assert "Parameters did not match the signature" in answers["sysbus LoadELF @/nonexistent.elf"]
    assert answers["nosuchcommand"] == "Renode refused `nosuchcommand`: No such command or device: nosuchcommand"


def test_what_the_run_logged_comes_with_its_answer(start: Start) -> None:
    answer = start(until=RUN).ask(RUN, with_logs=True)
    assert [log.text for log in answer.logs if is_fatal(log)] == [
        "sysbus: [cpu: 0x8000066] WriteDoubleWord to non existing peripheral at 0x40001000, value 0x2A."
    ]


def test_a_refused_command_says_which_and_the_next_one_works(start: Start) -> None:
    monitor = start(until="sysbus LoadELF @/nonexistent.elf")
    with pytest.raises(EngineError, match=r"refused `sysbus LoadELF @/nonexistent.elf`: There was an error.*signature"):
        monitor.ask("sysbus LoadELF @/nonexistent.elf")
    assert monitor.ask("emulation SetAdvanceImmediately true").lines == ()


@pytest.mark.parametrize("slowness", ["", "slow"])
def test_death_in_the_middle_of_an_answer(start: Start, slowness: str) -> None:
    monitor = start(f"die=version {slowness}")
    with pytest.raises(NoAnswerError, match="it ended; it said last: "):
        monitor.ask("version")
    with pytest.raises(NoAnswerError, match="it ended"):
        monitor.ask("version")


def test_a_hang_ends_in_time(start: Start) -> None:
    monitor = start("hang=version")
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match=r"no answer within 0\.5 s"):
        monitor.ask("version", seconds=0.5)
    assert 0.4 < time.monotonic() - started < 5


def test_a_flood_of_fatal_log_lines_is_not_waited_out(start: Start) -> None:
    monitor = start("flood=version")
    started = time.monotonic()
    with pytest.raises(NoAnswerError) as caught:
        monitor.ask("version", seconds=60, is_fatal=is_fatal)
    assert time.monotonic() - started < 20
    assert "0x40001000" in caught.value.logs[1].text


def test_a_flood_that_is_not_fatal_ends_at_the_deadline(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.monitor._GRACE_SECONDS", 0.0)
    monitor = start("flood=version")
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match=r"no answer within 0\.5 s"):
        monitor.ask("version", seconds=0.5)
    assert time.monotonic() - started > 0.4
