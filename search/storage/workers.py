"""Knows which processes work on a study, so that the trials of those that died are run again.

Every worker has a row in a table beside Optuna's. A thread renews the time in it, by the clock of the database. A
worker whose row is old or missing is dead. On the same machine, a worker is also dead if its process has ended, so
that nobody waits after a crash.
"""

import logging
import os
import platform
import subprocess
import threading
import uuid
from datetime import timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Column, Connection, DateTime, Engine, Integer, MetaData, String, Table, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from sparse_mcu.search.storage.database import LAST_TABLE

_log = logging.getLogger(__name__)

BEAT_SECONDS = 15.0
"""How often a worker says that it lives."""

GRACE_SECONDS = 150.0
"""How long a worker may be silent. A compilation may keep a process from answering for a minute."""

_NAME_LENGTH = 255

WORKERS = Table(
    LAST_TABLE,
    MetaData(),
    Column("worker", String(_NAME_LENGTH), primary_key=True),
    Column("machine", String(_NAME_LENGTH), nullable=False),
    Column("process", Integer, nullable=False),
    Column("started", String(_NAME_LENGTH), nullable=False),
    Column("beat", DateTime(timezone=True), nullable=False),
)
"""The workers: the machine that each runs on, its process there, when that began, and when it last gave a sign."""


class Worker:
    """This process as a worker of a study, from `start` to `stop`.

    Args:
        engine: The database.
        beat_seconds: How often it says that it lives.
    """

    def __init__(self, engine: Engine, beat_seconds: float = BEAT_SECONDS) -> None:
        self.name = uuid.uuid4().hex
        self._engine, self._beat_seconds = engine, beat_seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Enters the worker into the table, and begins to renew its time. Another call does nothing."""
        if self._thread is None:
            self._beat()
            self._thread = threading.Thread(target=self._keep_beating, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the renewals, and takes the worker out of the table."""
        if self._thread is None:
            return
        self._stopped.set()
        self._thread.join()
        self._thread = None
        with self._engine.begin() as connection:
            connection.execute(delete(WORKERS).where(WORKERS.c.worker == self.name))

    def _keep_beating(self) -> None:
        while not self._stopped.wait(self._beat_seconds):
            try:
                self._beat()
            except SQLAlchemyError as error:  # a database that is away for a while costs nothing
                _log.debug("no beat: %s", error)

    def _beat(self) -> None:
        with self._engine.begin() as connection:
            renewed = connection.execute(
                WORKERS.update().where(WORKERS.c.worker == self.name).values(beat=func.now())
            ).rowcount
            if not renewed:
                process = os.getpid()
                connection.execute(
                    WORKERS.insert().values(
                        worker=self.name,
                        machine=machine(),
                        process=process,
                        started=started(process) or "",
                        beat=func.now(),
                    )
                )


def living(connection: Connection, grace_seconds: float = GRACE_SECONDS) -> set[str]:
    """Returns the names of the workers that live, and takes the others out of the table.

    Args:
        connection: A connection in a transaction.
        grace_seconds: How long a worker may be silent.
    """
    rows = connection.execute(select(WORKERS, func.now(type_=DateTime(timezone=True)).label("now"))).all()
    grace = timedelta(seconds=grace_seconds)
    silent = {row.worker for row in rows if row.now - row.beat > grace}
    ended = {row.worker for row in rows if _has_ended(row.machine, row.process, row.started)}
    dead = silent | ended
    if dead:
        connection.execute(delete(WORKERS).where(WORKERS.c.worker.in_(dead)))
    return {row.worker for row in rows} - dead


def _has_ended(where: str, process: int, since: str) -> bool:
    """Returns whether a process of this machine has surely ended."""
    return where == machine() and bool(since) and started(process) != since


@cache
def machine() -> str:
    """Returns a name of this machine: processes of one name see each other. Containers are machines of their own."""
    name = platform.node()
    if platform.system() != "Linux":
        return f"{name} {uuid.getnode():x}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{name} {boot} {Path('/proc/self/ns/pid').readlink()}"


def started(process: int) -> str | None:
    """Returns when a process of this machine began, in words that differ for every process of its number.

    Returns:
        The words; None if there is no such process, and "" where the system does not tell.
    """
    if platform.system() == "Linux":
        try:
            # The name, in parentheses, may contain anything. Field 22 is the start in ticks; a zombie has ended.
            state, *fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if state in "ZX" else fields[18]
    if os.name != "posix":
        return ""
    done = subprocess.run(  # noqa: S603 - a number
        ["/bin/ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
