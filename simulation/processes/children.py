"""Makes child processes end with this process, however it ends: by return, by a signal, or by kill -9.

The children share a process group with a shell. The shell waits for the end of a pipe whose other end only this
process holds. When the pipe ends, the shell kills the group, including what the children started.
"""

import atexit
import os
import signal
import subprocess
import threading
from contextlib import suppress

_WATCH = ("/bin/sh", "-c", "read -r _; kill -KILL 0")
_lock = threading.Lock()
_watches: dict[int, subprocess.Popen[bytes]] = {}  # by the process that started it, because a fork needs its own


def child_group() -> int | None:
    """Returns the process group to start children in (`subprocess.Popen(process_group=...)`); None on Windows."""
    if os.name != "posix":
        return None
    with _lock:
        watch = _watches.get(os.getpid())
        if watch is None or watch.poll() is not None:
            _end(watch)
            watch = _watches[os.getpid()] = _start()
        return watch.pid


def end_children() -> None:
    """Kills every child in the group at once, and everything that the children started."""
    with _lock:
        _end(_watches.pop(os.getpid(), None))


def _start() -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 - a constant
        _WATCH, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, process_group=0
    )


def _end(watch: subprocess.Popen[bytes] | None) -> None:
    if watch is not None and watch.stdin is not None:
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
            if watch.poll() is None:  # otherwise another process may have its number by now
                os.killpg(watch.pid, signal.SIGKILL)
        watch.stdin.close()
        watch.wait()


atexit.register(end_children)
