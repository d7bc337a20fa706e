"""A real PostgreSQL server in a temporary folder, from Debian's packages, reached through a socket in that folder."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needed import missing

# .ci/run sets this where it may not install packages.
NO_POSTGRES = "SPARSE_MCU_NO_POSTGRES"

_SECONDS = 30.0
_USER = "postgres"
_OPTIONS = ("fsync=off", "listen_addresses=", "max_connections=30", "shared_buffers=16MB")


def _programs() -> Path:
    """Returns the folder of initdb and postgres, or ends the test."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = installed[-1] if installed else shutil.which("initdb")
    if found is None and os.environ.get(NO_POSTGRES) == "1":
        pytest.skip("PostgreSQL cannot be installed here")
    if found is None:
        missing("no PostgreSQL server: apt-get install postgresql")
    return Path(found).resolve().parent


@contextmanager
def running_server() -> Iterator[str]:
    """Runs a server for the length of a `with` statement; gives the URL of its empty database."""
    programs = _programs()
    # The server refuses to run as root; its own user must reach the folder.
    user = _USER if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="sparse-mcu-postgres-"))
    data = folder / "data"
    if user is not None:
        shutil.chown(folder, user)
    arguments = [programs / "initdb", "--pgdata", data, "--username", _USER, "--auth", "trust", "--no-sync"]
    subprocess.run(arguments, user=user, cwd=folder, check=True, capture_output=True)
    options = [word for option in _OPTIONS for word in ("-c", option)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options], user=user, cwd=folder, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.1)
        yield f"postgresql://{_USER}@/{_USER}?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)  # it ends at once, whoever is connected
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
