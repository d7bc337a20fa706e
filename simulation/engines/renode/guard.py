"""Runs a program, and ends it when whoever asked for it is gone, however that happened.

Run as a script: `guard.py LIFELINE FOLDER PROGRAM ARGUMENT...`. LIFELINE is the reading end of a pipe
whose other end only the asker holds: it ends with the asker, even on kill -9. Then, or when the program
ends by itself, the program's whole process group is killed and FOLDER is removed. Standard input and
output are the program's. Only the standard library is used, so that it starts in milliseconds.
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
    """Run `command` until it or the lifeline ends; its exit status."""
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
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def _exit(_number: int, _frame: object) -> None:
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    sys.exit(guard(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
