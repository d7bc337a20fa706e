"""Verdicts from what Renode logs, in the words that were recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from renode_recordings import read_monitor

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.binary.image import FirmwareImage, read_image
from sparse_mcu.simulation.engines.protocol import RunRequest, Verdict
from sparse_mcu.simulation.engines.renode.transcript import LogLine, Transcript
from sparse_mcu.simulation.engines.renode.verdict import is_fatal, judge_logs

Assemble = Callable[..., FirmwareImage]
M4 = load_board("nucleo-l4r5zi")


def request_of(image: FirmwareImage) -> RunRequest:
    return RunRequest(image, M4, {}, {}, (), 0, 1)


def test_the_recorded_bad_access_names_address_and_function(shared_data: Path) -> None:
    exchanges = {each.sent: each for each in read_monitor(shared_data / "renode" / "monitor_1.16.1.txt")}
    image = read_image(shared_data / "renode" / "loop_m4f.elf", toolchain="gcc", version="", stack_usage={})
    transcript = Transcript()
    transcript.feed(exchanges['emulation RunFor "0.1"'].received)
    assert judge_logs(request_of(image), transcript.logs) == (
        Verdict.BAD_MEMORY_ACCESS,
        "write to unmapped memory at 0x40001000 (DoubleWord), at 0x8000066 (main+0x3e)",
    )


def test_the_monitors_own_bad_access_is_nobodys_fault(shared_data: Path) -> None:
    exchanges = {each.sent: each for each in read_monitor(shared_data / "renode" / "monitor_1.16.1.txt")}
    transcript = Transcript()
    transcript.feed(exchanges["sysbus ReadDoubleWord 0x60000000"].received)
    assert len(transcript.logs) == 1
    assert not is_fatal(transcript.logs[0])


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (
            "cpu: CPU abort [PC=0x60000000]: Trying to execute code outside RAM or ROM at 0x60000000.",
            "BAD_MEMORY_ACCESS",
        ),
        ("cpu: CPU abort [PC=0x8000044]: Something else.", "FAULT"),
    ],
)
def test_an_abort_is_told_from_its_reason(assemble: Assemble, text: str, verdict: str) -> None:
    image = assemble({"Reset_Handler": "b firmware_done"}, M4)
    log = LogLine("ERROR", text)
    assert is_fatal(log)
    found = judge_logs(request_of(image), [LogLine("INFO", "m: Machine started."), log], "there")
    assert found is not None
    assert found[0] is Verdict[verdict]
    assert found[1].endswith("reached from there")


FETCH = LogLine("WARNING", "sysbus: [cpu: 0x60000000] ReadByte from non existing peripheral at 0x60000000.")


def test_a_jump_to_nowhere_is_judged_by_its_abort(assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "b firmware_done"}, M4)
    abort = LogLine("ERROR", "cpu: CPU abort [PC=0x60000000]: Trying to execute code outside RAM or ROM at 0x60000000.")
    assert judge_logs(request_of(image), [FETCH, abort], "there") == (
        Verdict.BAD_MEMORY_ACCESS,
        "Trying to execute code outside RAM or ROM at 0x60000000, at 0x60000000, reached from there",
    )


def test_a_fetch_alone_is_told_as_one(assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "b firmware_done"}, M4)
    assert judge_logs(request_of(image), [FETCH], "there") == (
        Verdict.BAD_MEMORY_ACCESS,
        "execution of unmapped memory at 0x60000000, reached from there",
    )


def test_ordinary_log_lines_decide_nothing(assemble: Assemble) -> None:
    image = assemble({"Reset_Handler": "b firmware_done"}, M4)
    assert judge_logs(request_of(image), [LogLine("WARNING", "nvic: Unhandled write to offset 0xD88.")]) is None
