"""Stands in for Renode: a monitor on standard input and output that looks like the recording of 1.16.1.

The variable STANDIN says what goes wrong, in words separated by spaces ("+" stands for a space inside a word):
    version=V    says it is version V; with 1.15 it does not know `cpu` before `using sysbus`, and has coarser time
    slow         prints byte by byte with pauses
    split        prints in pieces of odd sizes
    colours      prints escape sequences in between
    die=C        dies in the middle of the answer to a command that begins with C
    hang=C       never answers a command that begins with C
    refuse=C     answers such a command as Renode answers one that it does not know
    flood=C      answers such a command with warnings without end
    miscount     says that one more instruction was executed than was
    forgets      says of the executed instructions only how many are more than a multiple of 997
    keeps=WHAT   does not reset one thing by `machine Reset` and what follows it: registers, count (of instructions),
                 halt, memory, hooks (it loses them), blocks (their hook is the old one), result (it has a stray write)
    child=FILE   starts a process of its own that would run for ever, and writes its number to FILE
    starts=FILE  appends a line to FILE whenever the monitor is started
    log=FILE     appends every command to FILE
"""

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from renode_machine import TICKS_1_15, TICKS_1_16, Machine, interval_instructions

_PERIODS = itertools.cycle([1, 2, 7, 40, 3])


def trouble(name: str) -> str | None:
    """Returns the value of a word of STANDIN; "" if it has no value, None if it is absent."""
    for word in os.environ.get("STANDIN", "").split():
        key, _, value = word.partition("=")
        if key == name:
            return value.replace("+", " ")
    return None


def emit(text: str) -> None:
    """Prints a text as STANDIN says."""
    data = text.encode()
    if trouble("colours") is not None:
        data = b"\x1b[1;31m" + data.replace(b"\n", b"\x1b[0m\n\x1b[?25h") + b"\x1b[0m"
    pieces: Iterator[bytes] = iter([data])
    if trouble("slow") is not None or trouble("split") is not None:
        pieces = _split(data)
    for piece in pieces:
        os.write(1, piece)
        if trouble("slow") is not None:
            time.sleep(0.0002)


def _split(data: bytes) -> Iterator[bytes]:
    while data:
        size = 1 if trouble("slow") is not None else next(_PERIODS)
        yield data[:size]
        data = data[size:]


def log(text: str) -> None:
    """Prints a log line: "[LEVEL] source: message"."""
    emit(f"13:57:03.6836 {text}\n")


def misbehave(command: str) -> None:
    """Does what STANDIN says about such a command."""
    if (prefix := trouble("die")) and command.startswith(prefix):
        emit(f"{command}\n\r0x0000")
        sys.exit(3)
    if (prefix := trouble("hang")) and command.startswith(prefix):
        emit(f"{command}\n\r")
        time.sleep(1000)
    while (prefix := trouble("flood")) and command.startswith(prefix):
        log("[WARNING] sysbus: [cpu: 0x8000066] WriteDoubleWord to non existing peripheral at 0x40001000.")


def own_word(command: str, prompt: str = "(m) ") -> bool:
    """Answers the two commands that mark the end of an answer; returns whether the command was one of them."""
    match = re.fullmatch(r'(echo|log) "(.*)"', command)
    if match is None:
        return False
    emit(f"{command}\n\r")
    if match[1] == "echo":
        emit(f"{match[2]}\r\n")
    else:
        log(f"[INFO] Script: {match[2]}")
    emit(prompt)
    return True


class StandIn:
    """Answers commands like Renode's monitor."""

    def __init__(self) -> None:
        version = trouble("version") or "1.16.1"
        self.version = f"Renode, version {version} (standin)"
        self.ticks = TICKS_1_15 if version.startswith("1.15") else TICKS_1_16
        self.prefixed = not version.startswith("1.15")
        self.machine: Machine | None = None
        self.counting = False
        self._answers = {
            r"version": lambda: self.version,
            r"i @.*BlockCounter\.cs": self._load_plugin,
            r"using sysbus": self._use_sysbus,
            r'mach create "m"': lambda: log("[INFO] System bus created."),
            r"machine LoadPlatformDescription @(.*)": self._load_platform,
            r"machine Reset": lambda: self._the().reset(),
            r"machine EnableProfiler @(.*)": lambda path: _path(path).write_bytes(b"profile") and None,
            r"sysbus LoadBinary @(.*) (0x\w+)": lambda path, at: self._the().load(_path(path), int(at, 16)),
            r"cpu VectorTableOffset (0x\w+)": lambda at: self._the().set_vectors(int(at, 16)),
            r"cpu PerformanceInMips 100": lambda: None,
            r"emulation SetAdvanceImmediately true": lambda: None,
            r'emulation SetGlobalQuantum "0\.01"': lambda: None,
            r'cpu AddHook (0x\w+) "cpu\.IsHalted = True"': lambda at: self._the().add_hook(int(at, 16)),
            r'cpu CountBlocks "(.*)"': lambda path: self._the().count(Path(path)),
            r'emulation RunFor "(\d+\.\d+)"': self._run,
            r"cpu ExecutedInstructions": lambda: f"0x{self._executed():016X}\r",
            r"cpu IsHalted false": lambda: self._the().release(),
            r"cpu GetRegistersValues": self._registers,
            r"cpu IsHalted": lambda: f"{self._the().halted}\r",
            r"cpu (SP|LR)": lambda name: f"0x{self._the().register(name):X}\r",
            r"cpu PC": lambda: f"0x{self._the().pc:X}\r",
            r'cpu DumpBlocks "(.*)"': lambda path: Path(path).write_bytes(self._the().table()) and None,
            r'cpu DumpMemory (0x\w+) (\d+) "(.*)"': self._dump,
            r"Clear": self._clear,
        }

    def serve(self) -> None:
        """Answers until standard input ends."""
        log("[INFO] Loaded monitor commands from: /renode/scripts/monitor.py")
        emit(f"{self.version}\n\r\n\r(monitor) ")
        for line in sys.stdin:
            self._answer(line.rstrip("\n"))

    def _answer(self, command: str) -> None:
        if record := trouble("log"):
            with Path(record).open("a") as stream:
                stream.write(command + "\n")
        misbehave(command)
        if own_word(command, "(m) " if self.machine else "\n\r(monitor) "):
            return
        emit(f"{command}\n\r")
        output = self._output(command)
        if output is not None:
            emit(f"{output}\r\n")
        emit("(m) " if self.machine else "\n\r(monitor) ")

    def _output(self, command: str) -> str | None:
        refused = (prefix := trouble("refuse")) and command.startswith(prefix)
        if not refused and (self.prefixed or not command.startswith("cpu ")):
            for pattern, answer in self._answers.items():
                if match := re.fullmatch(pattern, command):
                    return answer(*match.groups())  # type: ignore[no-any-return, operator]
        return f"No such command or device: {command.split(maxsplit=1)[0]}"

    def _the(self) -> Machine:
        assert self.machine is not None
        return self.machine

    def _use_sysbus(self) -> None:
        self.prefixed = True

    def _load_plugin(self) -> None:
        self.counting = True

    def _load_platform(self, path: str) -> None:
        self.machine = Machine(_path(path).read_text(), log, trouble("keeps") or "")

    def _run(self, seconds: str) -> None:
        log("[INFO] m: Machine started.")
        self._the().run(interval_instructions(seconds, self.ticks))
        log("[INFO] m: Machine paused.")

    def _registers(self) -> str:
        rows = [(" Name ", " Index ", " Value ")]
        rows += [
            (f" {name} ", f" {row} ", f" 0x{value:X} ") for row, (name, value) in enumerate(self._the().registers())
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["|" + "|".join(map(str.ljust, row, widths)) + "|" for row in rows]
        rule = "-" * len(lines[0])
        return "\r\n".join([rule, lines[0], rule, *lines[1:], rule])

    def _dump(self, address: str, size: str, path: str) -> None:
        Path(path).write_bytes(self._the().read(int(address, 16), int(size)))

    def _executed(self) -> int:
        executed = self._the().executed + (trouble("miscount") is not None)
        return executed % 997 if trouble("forgets") is not None else executed

    def _clear(self) -> None:
        self.machine = None


def _path(token: str) -> Path:
    return Path(token.replace("\\ ", " "))


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        emit(f"Renode v{trouble('version') or '1.16.1'}\n  build: standin\n  build type: Release\n  runtime: Mono\n")
        sys.exit()
    if (numbers := trouble("child")) is not None:
        Path(numbers).write_text(str(subprocess.Popen(["sleep", "1000"]).pid))  # noqa: S607
    if (starts := trouble("starts")) is not None:
        with Path(starts).open("a") as stream:
            stream.write("started\n")
    StandIn().serve()
