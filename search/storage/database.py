"""Opens the database of a study: Optuna's own storage, with transactions that hold several of its steps.

Optuna's storage commits each of its steps. Here, a transaction joins them: all of its steps become visible at once, or
none of them does. Only one worker at a time is inside a transaction of a study. So a claim needs no other lock, and a
process that is killed leaves no half of anything.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlalchemy.pool import NullPool, StaticPool

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.costmodel.extras import needs
from sparse_mcu.search.storage.place import Place
from sparse_mcu.search.strategies.rivals.optuna_asking import silent

LOCK_SECONDS = 60.0
"""How long a worker waits for the transactions of others."""

LAST_TABLE = "sparse_mcu_workers"
"""The table that is made last."""

_LOCK = 0x53704172  # "SpAr": the advisory lock of PostgreSQL that transactions hold
_BEGIN = "sparse_mcu_begin"  # an option of a connection: how its transaction begins in SQLite
_FOREIGN = "not a study of sparse-mcu"

Mode = Literal["ro", "rw"]
"""Whether a database is only read, or written too."""


class Database:
    """An open database.

    Attributes:
        place: Where it is.
        storage: Optuna's storage in it.

    Args:
        place: Where it is.
        storage: Optuna's storage in it.
    """

    def __init__(self, place: Place, storage: RDBStorage) -> None:
        self.place, self.storage = place, storage
        if storage.engine.dialect.name == "sqlite":
            event.listen(storage.engine, "begin", _begin)

    @classmethod
    def open(cls, place: Place, mode: Mode) -> Self:
        """Opens a database that has Optuna's tables, without changing it.

        Raises:
            StudyError: It is missing, damaged or unreachable, has no such tables, or was made by another Optuna.
        """
        with database_errors(place):
            storage = _storage(place, mode, skip_table_creation=True)
            return cls(place, storage)

    @classmethod
    def make(cls, place: Place, fill: Callable[[Self], None]) -> None:
        """Makes a new database, and fills it. A file appears only when it is full.

        On a server, the tables are made unless they are there, one process after another.

        Args:
            place: Where it shall be.
            fill: What fills it.

        Raises:
            StudyError: It cannot be made.
        """
        with database_errors(place), silent():
            if place.file is not None:
                with hidden_file(place.file) as hidden:
                    fill(cls.fresh(place, hidden))
                    sync(hidden)
                    if place.file.exists() and place.file.stat().st_size == 0:
                        place.file.unlink()
                    place_unless_there(hidden, place.file)
                return
            made = cls(place, _storage(place, "rw"))
            try:
                fill(made)
            finally:
                made.close()

    @classmethod
    def fresh(cls, place: Place, file: Path) -> Self:
        """Makes Optuna's tables in an empty file, which is not on the disk before `sync`.

        Args:
            place: What becomes of the file.
            file: The file.
        """
        return cls(place, _storage(Place(file), "rw", durable=False))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Joins all steps of the storage in a `with` block to one. Other workers wait until it ends.

        Only one thread may use the storage meanwhile.
        """
        storage, engine = self.storage, self.storage.engine
        with (
            database_errors(self.place),
            engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection,
            connection.begin(),
        ):
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            usual = storage.scoped_session
            storage.scoped_session = scoped_session(
                sessionmaker(bind=connection, join_transaction_mode="create_savepoint")
            )
            try:
                yield connection
            finally:
                storage.scoped_session.remove()
                storage.scoped_session = usual

    def close(self) -> None:
        """Closes all connections."""
        self.storage.remove_session()
        self.storage.engine.dispose()


@contextmanager
def database_errors(place: Place) -> Iterator[None]:
    """Turns errors of the database and of the file system into errors that say what a user can do."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        raise _explained(place, error) from error
    except OSError as error:
        raise StudyError(
            f"cannot write: {error.strerror or error}",
            where=str(place),
            fix="Check that folder, disk and rights allow it.",
        ) from error


def is_missing(place: Place) -> bool:
    """Returns whether there is no database: no file, or an empty one, or a server on which no study was made.

    On a server, tables appear one after another. That of the workers is the last one.
    """
    if place.file is not None:
        return not place.file.exists() or (place.file.is_file() and place.file.stat().st_size == 0)
    with database_errors(place):
        engine = _server_engine(place)
        with engine.connect() as connection:
            return not engine.dialect.has_table(connection, LAST_TABLE)


def connect(path: Path, mode: Mode, *, durable: bool = True) -> sqlite3.Connection:
    """Connects to a SQLite file, which must exist; transactions begin only where they are told to."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=LOCK_SECONDS,
        check_same_thread=False,
    )
    if not durable:
        connection.execute("PRAGMA synchronous = OFF")
    return connection


def _storage(place: Place, mode: Mode, *, durable: bool = True, skip_table_creation: bool = False) -> RDBStorage:
    """Returns Optuna's storage.

    Raises:
        StudyError: Its tables are of another version of Optuna.
    """
    if place.file is not None:
        _refuse_foreign(place, may_be_empty=not skip_table_creation)
        url = "sqlite://"  # the path is not part of it, since Optuna reads some characters in another way
        creator = partial(connect, place.file, mode, durable=durable)
        options: dict[str, Any] = {"creator": creator, "poolclass": NullPool}
    else:
        url, options = _server_url(place), {"pool_pre_ping": True}
        if not skip_table_creation:
            # The connection that makes tables holds the lock. So if its process is killed, nobody gets the lock before
            # the server has ended what that connection did.
            options = {"poolclass": StaticPool, "pool_events": [(_lock_others_out, "connect")]}
    try:
        with silent(), needs("postgres", str(place)):
            return RDBStorage(
                url,
                options,
                skip_compatibility_check=not skip_table_creation,  # tables that are made now are of this version
                skip_table_creation=skip_table_creation,
            )
    except RuntimeError as error:  # Optuna's own, if its tables are of another version
        raise StudyError(
            "another version of Optuna made the database", where=str(place), fix=f"Optuna says: {error}"
        ) from error


def _server_url(place: Place) -> str:
    if place.server is None:
        raise ValueError(f"{place} is no server")
    # Optuna formats the URL, so a brace stands for itself only if it is doubled.
    return place.server.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _server_engine(place: Place) -> Engine:
    if place.server is None:
        raise ValueError(f"{place} is no server")
    with needs("postgres", str(place)):
        return create_engine(place.server, poolclass=NullPool)


def _refuse_foreign(place: Place, *, may_be_empty: bool) -> None:
    """Refuses a SQLite file that has tables, but not those of Optuna."""
    if place.file is None:
        return
    connection = connect(place.file, "ro")
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()
    if "version_info" not in tables and (tables or not may_be_empty):
        raise StudyError(_FOREIGN, where=str(place), fix="Name another file.")


@contextmanager
def hidden_file(path: Path) -> Iterator[Path]:
    """Gives an empty file beside `path` to fill in a `with` block. It is removed afterwards, unless it was moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    hidden = Path(name)
    hidden.chmod(0o644)
    try:
        yield hidden
    finally:
        hidden.unlink(missing_ok=True)


def place_unless_there(source: Path, target: Path) -> None:
    """Gives a file a second name, or copies it where the file system cannot; a file that is there already stays."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        with hidden_file(target) as hidden:
            hidden.write_bytes(source.read_bytes())
            hidden.replace(target)


def sync(path: Path) -> None:
    """Returns when a file is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _lock_others_out(connection: Any, _record: object) -> None:  # noqa: ANN401 - a connection of any driver
    """Waits until no other process makes tables on a server."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({_LOCK}, 0)")
    connection.commit()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _explained(place: Place, error: Exception) -> StudyError:
    cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
    original = getattr(cause, "orig", None) or cause or error
    text = (str(original).splitlines() or [type(original).__name__])[0]
    if "locked" in text:
        return StudyError("the study is in use by another process", where=str(place), fix="Wait for it, or stop it.")
    if isinstance(cause, OperationalError | sqlite3.OperationalError):
        fix = "Check disk and rights." if place.file is not None else "Check the server, its name and your rights."
        return StudyError(f"cannot use the study: {text}", where=str(place), fix=fix)
    if isinstance(cause, DatabaseError | sqlite3.DatabaseError) and place.file is not None:
        fix = "Name another file, or start a new study."
        return StudyError(f"not a study, or damaged: {text}", where=str(place), fix=fix)
    return StudyError(f"the database refused: {text}", where=str(place), fix="Restore it, or start a new study.")
