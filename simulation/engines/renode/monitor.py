"""Talks to Renode's monitor: each command gets one answer, or a reason why there is none."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.process import GuardedProcess
from sparse_mcu.simulation.engines.renode.transcript import LogLine, Transcript, refusal

NAME = "renode"
_GRACE_SECONDS = 2.0
_LAST_LINES = 3


class NoAnswerError(EngineError):
    """Reports that the monitor died or did not answer in time. The process is of no use any more.

    Args:
        what: Which of the two happened, and what was printed last.
        logs: What was logged since the command was sent.
    """

    def __init__(self, what: str, logs: Sequence[LogLine]) -> None:
        super().__init__(what, where=NAME, fix="Run Renode by hand to see whether it works on this machine.")
        self.logs = tuple(logs)


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds what came back for one command.

    Attributes:
        lines: Its output, without prompts, echo and empty lines.
        logs: What was logged meanwhile.
    """

    lines: tuple[str, ...]
    logs: tuple[LogLine, ...]


class Monitor:
    """Talks to the monitor of a running Renode.

    Args:
        process: Renode, with its monitor on standard input and output.
    """

    def __init__(self, process: GuardedProcess) -> None:
        self._process = process
        self._number = 0
        self._transcript = Transcript()

    def ask(
        self,
        command: str,
        *,
        seconds: float = 30.0,
        with_logs: bool = False,
        is_fatal: Callable[[LogLine], bool] = lambda _: False,
    ) -> Answer:
        """Runs a command and returns what it printed.

        A second command prints a word of our own, so the end of the answer is certain.

        Args:
            command: One line.
            seconds: How long it may take.
            with_logs: Whether to wait also until everything logged so far has been printed.
            is_fatal: Tells whether a log line makes it useless to wait for an answer longer than a moment.

        Raises:
            EngineError: The command was refused.
            NoAnswerError: The monitor died or did not answer in time.
        """
        self._number += 1
        word = f"sparse-mcu-{self._number}-end"
        typed = [command, f'echo "{word}"', *([f'log "{word}"'] if with_logs else [])]
        try:
            self._process.write("".join(f"{line}\n" for line in typed))
            self._await(word, seconds, with_logs=with_logs, is_fatal=is_fatal)
        except EngineError as error:
            raise NoAnswerError(_describe(error.what, self._transcript), self._transcript.logs) from error
        lines, logs = self._transcript.take()
        output = tuple(line for line in lines if line != word and line not in typed)
        if reason := refusal(output):
            raise EngineError(f"Renode refused `{command}`: {reason}", where=NAME)
        return Answer(output, tuple(log for log in logs if word not in log.text))

    def _await(self, word: str, seconds: float, *, with_logs: bool, is_fatal: Callable[[LogLine], bool]) -> None:
        """Reads until the word was printed, and also logged if that was asked for."""
        transcript, deadline = self._transcript, time.monotonic() + seconds
        checked, hopeless = 0, False
        while not (word in transcript.lines and (not with_logs or any(word in log.text for log in transcript.logs))):
            data = self._process.read(deadline)
            if not data:
                raise EngineError(f"no answer within {seconds:g} s" if data is None else "it ended")
            transcript.feed(data)
            if not hopeless and any(is_fatal(log) for log in transcript.logs[checked:]):
                hopeless, deadline = True, min(deadline, time.monotonic() + _GRACE_SECONDS)
            checked = len(transcript.logs)


def _describe(what: str, transcript: Transcript) -> str:
    last = " | ".join([*transcript.lines, *(log.text for log in transcript.logs)][-_LAST_LINES:])
    return f"{what}; it said last: {last}" if last else what
