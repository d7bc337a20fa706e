"""Reads the monitor's byte stream: log lines, prompts, echoes, answers.

The stream is that of a terminal. Lines end in any mixture of CR and LF. A prompt precedes what follows it on its line.
Every command is echoed. Escape sequences may occur anywhere, and log lines may come at any time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[ -/]*[0-~])")
_PROMPT = re.compile(r"^(?:\((?:monitor|[\w-]+)\) ?)+")
_LOG = re.compile(r"^\d\d:\d\d:\d\d\.\d+ \[(NOISY|DEBUG|INFO|WARNING|ERROR)\] (.*)$")
_ERROR = re.compile(
    r"There was an error executing command|No such command or device|No such variable|No such file|Could not find|"
    r"Could not tokenize|Parameters did not match the signature|Bad parameters for command|"
    r"Errors during compilation|There were compilation errors|Command \w+ failed"
)
_KEPT_LOGS = 1000
_SHOWN_LINES = 3


@dataclass(frozen=True, slots=True)
class LogLine:
    """Holds a line that Renode logged.

    Attributes:
        level: NOISY, DEBUG, INFO, WARNING or ERROR.
        text: Source and message.
    """

    level: str
    text: str


class Transcript:
    """Splits the stream into log lines and other lines. It may be fed in any pieces."""

    def __init__(self) -> None:
        self._partial = b""
        self.logs: list[LogLine] = []
        self.lines: list[str] = []

    def take(self) -> tuple[list[str], list[LogLine]]:
        """Returns all lines and log lines so far, and forgets them. An incomplete line stays."""
        lines, logs = self.lines, self.logs
        self.lines, self.logs = [], []
        return lines, logs

    def feed(self, data: bytes) -> None:
        """Takes the next bytes. Of very many log lines only the first ones are kept."""
        *complete, self._partial = (self._partial + data).split(b"\n")
        for raw in complete:
            line = _PROMPT.sub("", _ESCAPE.sub(b"", raw).decode(errors="replace").replace("\r", "").strip(" "))
            if log := _LOG.match(line):
                if len(self.logs) < _KEPT_LOGS:
                    self.logs.append(LogLine(*log.groups()))
            elif line:
                self.lines.append(line)


def refusal(lines: Iterable[str]) -> str | None:
    """Returns the monitor's error message among an answer's lines, joined into one line; None if there is none."""
    lines = list(lines)
    first = next((index for index, line in enumerate(lines) if _ERROR.search(line)), None)
    return None if first is None else " | ".join(line.strip() for line in lines[first : first + _SHOWN_LINES])
