"""Starts a program with pipes to its standard input and output. The program never outlives this process."""

import os
import select
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from sparse_mcu.costmodel.errors import EngineError

_GUARD = Path(__file__).with_name("guard.py")
_PREFIX = "sparse-mcu-"  # not "renode-", because a starting Renode removes such folders of ended processes
_CHUNK_BYTES = 1 << 16
_END_SECONDS = 10.0


class GuardedProcess:
    """Runs a program under guard.py, with a folder of its own that vanishes with it.

    Args:
        command: Program and arguments; "{folder}" in an argument is replaced by the folder.
        files: Texts to put into the folder first, by name, with the same replacement.

    Raises:
        EngineError: Processes cannot be guarded on this system.
    """

    def __init__(self, command: Sequence[str], files: Mapping[str, str]) -> None:
        if os.name != "posix":
            raise EngineError("Renode is driven on Linux and macOS only", where="renode", fix="Use --engine unicorn.")
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        for name, text in files.items():
            (self.folder / name).write_text(self._filled(text))
        lifeline, self._lifeline = os.pipe()
        try:
            self._guard = subprocess.Popen(  # noqa: S603 - our own script and the program that the user named
                [sys.executable, "-I", "-S", str(_GUARD), str(lifeline), str(self.folder)]
                + [self._filled(argument) for argument in command],
                env={**os.environ, "TMPDIR": str(self.folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[lifeline],
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(lifeline)
        self._finalizer = weakref.finalize(self, _end, self._guard, self._lifeline)

    def _filled(self, text: str) -> str:
        return text.replace("{folder}", str(self.folder))

    def write(self, text: str) -> None:
        """Sends text.

        Raises:
            EngineError: The program has ended.
        """
        assert self._guard.stdin is not None  # noqa: S101 - PIPE was asked for
        try:
            self._guard.stdin.write(text.encode())
        except OSError as error:
            raise EngineError("it ended", where="renode") from error

    def read(self, deadline: float) -> bytes | None:
        """Returns what has been printed. It waits for that until time.monotonic() reaches `deadline`.

        Returns:
            At least one byte; b"" if the program has ended, None if nothing came.
        """
        assert self._guard.stdout is not None  # noqa: S101 - PIPE was asked for
        stream = self._guard.stdout.fileno()
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        return os.read(stream, _CHUNK_BYTES) if ready else None

    def close(self) -> None:
        """Ends the program at once, without asking it, and removes the folder."""
        self._finalizer()


def _end(guard: subprocess.Popen[bytes], lifeline: int) -> None:
    """Cuts the lifeline, and waits until the guard has done its work."""
    os.close(lifeline)
    try:
        guard.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    for stream in (guard.stdin, guard.stdout):
        if stream is not None:
            stream.close()
