"""A machine that serves a second run, on the stand-in: when it does, and that no wrong assumption shows in a result."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import run

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines.protocol import RunRequest, RunResult, Verdict
from sparse_mcu.simulation.engines.renode import RenodeEngine
from sparse_mcu.simulation.engines.renode.kept import DoubtError, Kept, Start, filled
from sparse_mcu.simulation.engines.unicorn import UnicornEngine

pytestmark = pytest.mark.xdist_group("processes")
Assemble = Callable[..., FirmwareImage]
Make = Callable[..., RenodeEngine]

M4 = load_board("nucleo-l4r5zi")
ARENA = M4.ram.origin + 0x1000
POISONED = [{ARENA: bytes([poison]) * 64, ARENA + 16: bytes(range(8))} for poison in (0xA5, 0x5A)]
READS = {"arena": (ARENA, 64), "start of RAM": (M4.ram.origin, 0x1000)}
SUM = {
    "Reset_Handler": "push {r4, r5}\nldr r0, =0x20001010\nmovs r1, #0\nmovs r2, #8\nbl add\nstr r1, [r0]\n"
    "b firmware_done",
    "add": "1: ldrb r3, [r0]\nadds r1, r3\nadds r0, #1\nsubs r2, #1\nbne 1b\nbx lr\n.ltorg",
}
DISTURBED = """
    mrs r0, primask\nmrs r1, basepri\nadd r0, r1\nmrs r1, control\nadd r0, r1\nadds r0, r4\nadds r0, r11
    cbz r0, 1f\nnop\n1: movs r0, #1\nmovs r4, #77\nmov r11, r4\nmsr basepri, r4\ncpsid i
    ldr r1, =0x20001020\nstr r0, [r1]\nmsr psp, r1\nmovs r0, #2\nmsr control, r0\nisb
    push {r4, r5}\nb firmware_done\n.ltorg
"""
WRITES_FLASH = (
    "ldr r0, =0x08100000\nldr r1, [r0]\ncbz r1, 1f\nnop\n1: movs r1, #1\nstr r1, [r0]\nb firmware_done\n.ltorg"
)
READS_POISON = "ldr r0, =0x20001000\nldrb r0, [r0]\n1: subs r0, #1\nbne 1b\nb firmware_done\n.ltorg"
READS_EMPTY = (
    "ldr r0, =0x20002000\nldr r1, [r0]\nadds r1, #5\nstr r1, [r0]\n1: subs r1, #1\nbne 1b\nb firmware_done\n.ltorg"
)
FIRMWARE = {"sum": SUM, "disturbed": {"Reset_Handler": DISTURBED}, "empty": {"Reset_Handler": READS_EMPTY}}
BROKEN = [
    *((what, "sum") for what in ("registers", "count", "halt", "memory", "hooks", "blocks", "result")),
    *(("registers", "disturbed"), ("result", "disturbed"), ("memory", "empty"), ("hooks", "empty")),
]
NEW_COMMANDS = ["machine+Reset", "cpu+GetRegistersValues", "cpu+IsHalted+false"]
MESSAGE = "no machine of Renode serves a second run any more"


def said(commands: Path) -> Counter[str]:
    """How often each command was given, by its first two words."""
    return Counter(" ".join(line.split()[:2]) for line in commands.read_text().splitlines())


def assert_same(ours: RunResult, theirs: RunResult) -> None:
    """Both are one result."""
    assert (ours.verdict, ours.detail, ours.stack_used_bytes) == (
        theirs.verdict,
        theirs.detail,
        theirs.stack_used_bytes,
    )
    assert ours.memory == theirs.memory
    np.testing.assert_array_equal(ours.profile.executed, theirs.profile.executed)
    np.testing.assert_array_equal(ours.profile.taken, theirs.profile.taken)


def assert_runs_are_new_ones(
    engine: RenodeEngine, image: FirmwareImage, writes: list[dict[int, bytes]], phases: tuple[str, ...] = ()
) -> None:
    """Run one after the other on Renode, and each on a core of its own."""
    for each in writes:
        ours, theirs = (
            run(any_, image, M4, reads=READS, writes=each, phases=phases) for any_ in (engine, UnicornEngine())
        )
        assert ours.verdict is Verdict.FINISHED
        assert_same(ours, theirs)


@pytest.mark.parametrize("version", ["1.15.3", "1.16.1"])
@pytest.mark.parametrize("name", FIRMWARE)
def test_the_second_poisoned_run_makes_no_machine(
    make: Make, assemble: Assemble, tmp_path: Path, name: str, version: str
) -> None:
    commands = tmp_path / "commands"
    engine, image = make(f"log={commands} version={version}"), assemble(FIRMWARE[name], M4)
    assert_runs_are_new_ones(engine, image, POISONED, ("add",) if name == "sum" else ())
    told = said(commands)
    assert [told[words] for words in ("mach create", "machine LoadPlatformDescription", "machine Reset", "Clear")] == [
        1
    ] * 4
    assert told["cpu AddHook"] == 2
    assert told["cpu CountBlocks"] == 2


def test_a_machine_serves_two_runs_and_no_third(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    assert_runs_are_new_ones(make(f"log={commands}"), assemble(SUM, M4), POISONED * 2 + POISONED[:1])
    told = said(commands)
    assert [told[words] for words in ("machine LoadPlatformDescription", "machine Reset", "Clear")] == [3, 2, 2]


@pytest.mark.parametrize(("broken", "name"), BROKEN)
def test_a_renode_whose_reset_is_broken_costs_only_time(
    make: Make, assemble: Assemble, tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str, name: str
) -> None:
    commands, starts = tmp_path / "commands", tmp_path / "starts"
    engine = make(f"keeps={broken} log={commands} starts={starts}")
    with caplog.at_level(logging.INFO):
        assert_runs_are_new_ones(engine, assemble(FIRMWARE[name], M4), POISONED * 2)
    told = said(commands)
    assert [told[words] for words in ("machine LoadPlatformDescription", "machine Reset")] == [4, 1]
    assert starts.read_text() == "started\n" * 2
    assert [record.getMessage().split(":")[0] for record in caplog.records].count(MESSAGE) == 1


@pytest.mark.parametrize("trouble", ["refuse", "die"])
@pytest.mark.parametrize("command", NEW_COMMANDS)
def test_a_renode_that_does_not_know_a_command_costs_only_time(
    make: Make, assemble: Assemble, caplog: pytest.LogCaptureFixture, trouble: str, command: str
) -> None:
    with caplog.at_level(logging.INFO):
        assert_runs_are_new_ones(make(f"{trouble}={command}"), assemble(SUM, M4), POISONED * 2)
    assert [record.getMessage().split(":")[0] for record in caplog.records].count(MESSAGE) == 1


@pytest.mark.parametrize("command", NEW_COMMANDS)
def test_a_renode_that_hangs_on_a_command_costs_only_time(
    make: Make, assemble: Assemble, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sparse_mcu.simulation.engines.renode.session._LOAD_SECONDS", 3)
    assert_runs_are_new_ones(make(f"hang={command}"), assemble(SUM, M4), POISONED)


def test_firmware_that_writes_flash_gets_a_new_machine(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    """Nothing fills flash anew, and where the image is empty nobody else notices."""
    commands = tmp_path / "commands"
    engine, image = make(f"log={commands}"), assemble({"Reset_Handler": WRITES_FLASH}, M4)
    results = [run(engine, image, M4, reads=READS, writes=each) for each in POISONED]
    assert [result.verdict for result in results] == [Verdict.FINISHED] * 2
    np.testing.assert_array_equal(results[0].profile.executed, results[1].profile.executed)
    assert said(commands)["machine LoadPlatformDescription"] == 2


def test_firmware_that_reads_poison_shows_it(make: Make, assemble: Assemble) -> None:
    """The second run is no copy of the first: its counts must still tell `measure` of the defect."""
    assert_runs_are_new_ones(make(), assemble({"Reset_Handler": READS_POISON}, M4), POISONED)


def test_runs_of_other_firmware_or_questions_share_no_machine(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    engine, image = make(f"log={commands}"), assemble(SUM, M4)
    middle = image.symbols["add"].address
    first = RunRequest(image, M4, POISONED[0], READS, (), image.symbols["firmware_done"].address, 1_000_000)
    others = [
        dataclasses.replace(first, image=assemble({**SUM, "add": f"nop\n{SUM['add']}"}, M4)),
        dataclasses.replace(first, board=dataclasses.replace(M4, ram=dataclasses.replace(M4.ram, size_bytes=65536))),
        dataclasses.replace(first, phases=(middle,)),
        dataclasses.replace(first, stop_address=middle),
        dataclasses.replace(first, budget_instructions=20),
        dataclasses.replace(first, reads={"arena": (ARENA, 8)}),
    ]
    for other in others:
        for request in (first, other):
            ours, theirs = (any_.run(request) for any_ in (engine, UnicornEngine()))
            assert ours.verdict is theirs.verdict
            if ours.verdict is Verdict.FINISHED:
                assert_same(ours, theirs)
    told = said(commands)
    assert [told[words] for words in ("machine LoadPlatformDescription", "machine Reset")] == [2 * len(others), 0]


def test_an_unfinished_run_leaves_no_machine(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    engine, image = make(f"log={commands}"), assemble({"Reset_Handler": "nop\nudf #0"}, M4)
    assert [run(engine, image, M4).verdict for _ in range(2)] == [Verdict.FAULT] * 2
    assert said(commands)["machine Reset"] == 0


def test_every_run_with_a_profile_has_a_new_machine(make: Make, assemble: Assemble, tmp_path: Path) -> None:
    commands, file = tmp_path / "commands", tmp_path / "metrics.bin"
    engine, image = make(f"log={commands}", profiler=file), assemble(SUM, M4)
    for _ in range(2):
        assert run(engine, image, M4).verdict is Verdict.FINISHED
        assert file.read_bytes() == b"profile"
        file.unlink()
    assert said(commands)["machine Reset"] == 0


BYTES = st.lists(st.integers(0, 255), min_size=4, max_size=4).map(bytes)


@given(
    first_start=BYTES,
    second_start=BYTES,
    written=st.dictionaries(st.integers(0, 3), st.integers(0, 255)),
    stray=st.integers(0, 3),
)
def test_the_same_writes_are_a_repetition_and_a_stray_one_is_not(
    first_start: bytes, second_start: bytes, written: Mapping[int, int], stray: int
) -> None:
    first, second = (
        bytes(written.get(place, byte) for place, byte in enumerate(start)) for start in (first_start, second_start)
    )
    kept = kept_after(first_start, first)
    kept.check_end(Start((), b"", second_start), kept.result, second)
    wrong = next(byte for byte in range(256) if byte not in {second[stray], second_start[stray], first[stray]})
    with pytest.raises(DoubtError, match="other bytes in RAM"):
        kept.check_end(Start((), b"", second_start), kept.result, second[:stray] + bytes([wrong]) + second[stray + 1 :])


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        (
            {"verdict": Verdict.BUDGET_EXCEEDED, "detail": "it sleeps"},
            r"ended otherwise: budget exceeded \(it sleeps\)",
        ),
        ({"profile": Profile(0, np.ones((1, 4), np.uint64), np.zeros((1, 4), np.uint64))}, "other counts"),
        ({"profile": Profile(0, np.zeros((1, 4), np.uint64), np.ones((1, 4), np.uint64))}, "other counts"),
        ({"stack_used_bytes": 12}, "another stack"),
    ],
)
def test_another_ending_is_no_repetition(changes: dict[str, object], doubt: str) -> None:
    kept = kept_after(b"1234", b"1234")
    with pytest.raises(DoubtError, match=doubt):
        kept.check_end(kept.start, dataclasses.replace(kept.result, **changes), kept.ram)  # type: ignore[arg-type]


def kept_after(before: bytes, after: bytes) -> Kept:
    """A machine of four bytes of RAM after its first run."""
    none = Profile(0, np.zeros((1, 4), np.uint64), np.zeros((1, 4), np.uint64))
    result = RunResult(Verdict.FINISHED, "", none, {}, 8, 1.0, "renode", "1.16.1")
    image = FirmwareImage(Path("firmware.elf"), "", "", "", {}, {}, {})
    return Kept(RunRequest(image, M4, {}, {}, (), 0, 1), result, Start((), b"", before), after)


def test_a_memory_is_empty_but_for_its_contents() -> None:
    region = dataclasses.replace(M4.ram, origin=0x1000, size_bytes=1000)
    memory = filled(
        region, [(0x1002, b"ab"), (0x900, b"below"), (0x1003, b"c"), (0x1000 + 1000, b"end"), (0x1400, b"above")]
    )
    assert memory == b"\0\0ac" + bytes(996) + b"end" + bytes(21)
