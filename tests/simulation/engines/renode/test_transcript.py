"""Reading the monitor's stream: the same lines however it is cut, and errors told from answers."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from renode_recordings import read_monitor

from sparse_mcu.simulation.engines.renode.transcript import LogLine, Transcript, refusal

STREAM = (
    b"13:56:47.7341 [INFO] Loaded monitor commands from: /x/monitor.py\nRenode, version 1.16.1 (x)\n\r\n\r(monitor) "
    b'mach create "m"\n\r13:56:54.0613 [INFO] System bus created.\n(m) cpu PC\n\r0x8000014\r\r\n(m) '
    b"13:57:03.6836 [WARNING] sysbus: [cpu: 0x8000066] WriteDoubleWord to non existing peripheral at 0x40001000.\n"
    b"nosuch\n\rNo such command or device: nosuch\r\n(m) "
)
LINES = [
    "Renode, version 1.16.1 (x)",
    'mach create "m"',
    "cpu PC",
    "0x8000014",
    "nosuch",
    "No such command or device: nosuch",
]


def read(*pieces: bytes) -> Transcript:
    transcript = Transcript()
    for piece in pieces:
        transcript.feed(piece)
    return transcript


def test_log_lines_prompts_and_line_ends_are_told_apart() -> None:
    transcript = read(STREAM)
    assert transcript.lines == LINES
    assert [log.level for log in transcript.logs] == ["INFO", "INFO", "WARNING"]
    assert transcript.logs[1] == LogLine("INFO", "System bus created.")


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_the_stream_may_come_in_any_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(places)]
    assert (read(*pieces).lines, read(*pieces).logs) == (read(STREAM).lines, read(STREAM).logs)


@pytest.mark.parametrize("escape", [b"\x1b[1;31m", b"\x1b[?25h", b"\x1b[0K", b"\x1b]0;Renode\x07", b"\x1b=", b"\x1b(B"])
def test_escape_sequences_vanish(escape: bytes) -> None:
    assert read(STREAM.replace(b"0x80", escape + b"0x80").replace(b"(m)", escape + b"(m)" + escape)).lines == LINES


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert read(b"\xff\xfe\x00\n0x1\r\n").lines[-1] == "0x1"


def test_of_a_flood_the_beginning_is_kept() -> None:
    transcript = read(b"13:57:03.6836 [WARNING] first\n", b"13:57:03.6836 [WARNING] again\n" * 10_000)
    assert transcript.logs[0].text == "first"
    assert len(transcript.logs) == 1000


def test_taking_lines_leaves_the_incomplete_one() -> None:
    transcript = read(b"one\ntw")
    assert transcript.take() == (["one"], [])
    transcript.feed(b"o\n")
    assert transcript.take() == (["two"], [])


def test_a_refusal_begins_at_the_error_and_is_one_line() -> None:
    lines = [
        "Usage:",
        " sysbus X",
        "There was an error executing command 'x'",
        "Parameters did not match the signature",
    ]
    assert refusal(lines) == "There was an error executing command 'x' | Parameters did not match the signature"
    assert refusal(["0x1", "True"]) is None


@pytest.mark.parametrize(
    "line", ["No such file /nowhere.cs.", "Could not find file '/nowhere.cs'", "Could not tokenize here:"]
)
def test_errors_of_1_15_that_were_not_recorded_are_refusals(line: str) -> None:
    assert refusal(["", line]) == line


def test_the_recorded_errors_and_only_those_are_refusals(shared_data: Path) -> None:
    exchanges = read_monitor(shared_data / "renode" / "monitor_1.16.1.txt")
    refused = [each.sent for each in exchanges if refusal(read(each.received + b"\n").lines)]
    assert refused == [
        "sysbus LoadELF @/nonexistent.elf",
        'cpu AddHook `sysbus GetSymbolAddress "nosuch"` "cpu.IsHalted = True"',
        "nosuchcommand",
    ]
