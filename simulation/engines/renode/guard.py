"""Runs a program, and ends it when the process that asked for it is gone, however that happened.

It runs as a script: `guard.py LIFELINE FOLDER PROGRAM ARGUMENT...`. LIFELINE is the reading end of a pipe. Only the
asking process holds the other end, so the pipe ends with that process, even on kill -9. Then, or when the program ends
by itself, the program's whole process group is killed and FOLDER is removed. The program has the script's standard
input and output. Only the standard library is used, so the script starts in milliseconds.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

_POLL_SECONDS = 0.1


def guard(lifeline: int, folder: str, command: Sequence[str]) -> int:
    """Runs `command` until it or the lifeline ends, and returns its exit status."""
    try:
        with subprocess.Popen(command, start_new_session=True) as child:  # noqa: S603 - the asker's own program
            try:
                while child.poll() is None and not select.select([lifeline], [], [], _POLL_SECONDS)[0]:
                    pass
            finally:
                _kill_group(child.pid)
            return child.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
        return


def _exit(_number: int, _frame: object) -> None:
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    sys.exit(guard(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
