"""Stores a study on disk: settings and trials in a SQLite file, and the files of the trials in a folder beside it.

The process may be killed at any point. Each change of state is one transaction. The files of a trial are moved into
place in one step before the trial is marked as finished. So a trial is either finished with all its files, or it is
still marked as running, and then it runs again.

An open study locks its file, so that two processes cannot work on one study.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import TypeAdapter, ValidationError

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.result import Result
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

SCHEMA_VERSION = 4
"""Version 4 records how a configuration was proposed, and knows trials that were stopped early.

Version 3 named objectives and limits. The records read those of version 2, where each had a field.
"""

_READABLE = (2, 3, SCHEMA_VERSION)
APPLICATION_ID = 0x53704172  # "SpAr"; it distinguishes our files from other SQLite files
ARTIFACTS_SUFFIX = ".artifacts"

_LOCK_SECONDS = 0.5
_TABLES = (
    "CREATE TABLE settings (json TEXT NOT NULL)",
    """
    CREATE TABLE trials (
        number INTEGER PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'stopped', 'failed')),
        proposal TEXT NOT NULL,
        result TEXT,
        CHECK ((state = 'running') = (result IS NULL))
    )
    """,
)
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)


_FIXES = {
    1: "Start a new study: schema 1 recorded onnxruntime's errors as the board's, and had no test images.",
}


class Study:
    """An open study. Use it in a `with` statement, or call `close`.

    Args:
        path: The study file.
        connection: A connection to it, as `Study.load` and `Study.open` make one.

    Raises:
        StudyError: The file is not a study, has another schema, or is damaged.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self.settings = self._check()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Opens an existing study to read it.

        Raises:
            StudyError: The file does not exist, is not a study, has another schema, is damaged, or is in use.
        """
        if not path.is_file():
            raise StudyError("no such study", where=str(path), fix="Name the file that `search --study` wrote.")
        with _connected(path, "ro") as connection:
            return cls(path, connection)

    @classmethod
    def open(cls, path: Path, settings: Settings) -> Self:
        """Opens a study to add trials to it, or makes a new one.

        Raises:
            StudyError: The file is not a study, has another schema or other settings, is damaged or in use, or cannot
                be made.
        """
        with _connected(path, "rwc") as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN EXCLUSIVE")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                _create(connection, settings)
            connection.execute("COMMIT")
            study = cls(path, connection)
            differences = settings.differences(study.settings)
            if differences:
                raise StudyError(
                    f"the study was made with other settings: {'; '.join(differences)}",
                    where=str(path),
                    fix="Use the study's own settings, or start another study with --study OTHER_FILE.",
                )
            return study

    @property
    def artifacts(self) -> Path:
        """Returns the folder that contains the folders of all trials."""
        return self.path.with_name(self.path.name + ARTIFACTS_SUFFIX)

    def folder(self, trial: Trial) -> Path:
        """Returns the folder with the files of a finished trial."""
        return self.artifacts / f"trial-{trial.number:04d}"

    def trials(self) -> list[Trial]:
        """Returns all trials in order.

        Raises:
            StudyError: A row is damaged.
        """
        with _study_errors(self.path):
            rows = self._connection.execute("SELECT * FROM trials ORDER BY number").fetchall()
        with _damage(self.path):
            return [_trial(*row) for row in rows]

    def claim(self, trial: Trial) -> None:
        """Records that a trial is running."""
        with _study_errors(self.path):
            self._connection.execute(
                "INSERT INTO trials (number, state, proposal) VALUES (?, 'running', ?)",
                (trial.number, trial.model_dump_json(exclude={"number", "result"})),
            )

    @contextmanager
    def workspace(self, trial: Trial) -> Iterator[Path]:
        """Makes an empty folder to evaluate a trial in, for the length of a `with` statement.

        `finish` moves the folder away. A folder that is still there at the end is deleted: its trial was interrupted.
        """
        folder = self._workspace_of(trial)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def finish(self, trial: Trial, result: Result) -> Trial:
        """Moves a trial's workspace into place, then records the result.

        Returns:
            The trial with its result.

        Raises:
            StudyError: The trial has no workspace, or the study cannot be written.
        """
        target = self.folder(trial)
        with _study_errors(self.path):
            # A process that was killed may have moved a folder there without recording the result.
            shutil.rmtree(target, ignore_errors=True)
            self._workspace_of(trial).rename(target)
            finished = trial.model_copy(update={"result": result})
            self._connection.execute(
                "UPDATE trials SET state = ?, result = ? WHERE number = ?",
                (finished.state, result.model_dump_json(), trial.number),
            )
        return finished

    def close(self) -> None:
        """Closes the file, so that other processes can open it."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Returns the study, for a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the study."""
        self.close()

    def _workspace_of(self, trial: Trial) -> Path:
        return self.folder(trial).with_suffix(".running")

    def _check(self) -> Settings:
        with _study_errors(self.path):
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StudyError("not a study of sparse-mcu", where=str(self.path), fix="Name another file.")
        if version not in _READABLE:
            raise StudyError(
                f"study schema {version}; this version reads {SCHEMA_VERSION}",
                where=str(self.path),
                fix=_FIXES.get(version, "Use the version of sparse-mcu that wrote it, or a newer one."),
            )
        with _study_errors(self.path):
            rows = self._connection.execute("SELECT json FROM settings").fetchall()
        with _damage(self.path):
            ((text,),) = rows
            return Settings.model_validate_json(text)


def _trial(number: int, state: str, proposal: str, result: str | None) -> Trial:
    made = json.loads(proposal)
    trial = Trial.model_validate(
        {
            **(made if "configuration" in made else {"configuration": made}),  # until schema 3 it stood alone
            "number": number,
            "result": None if result is None else _RESULT.validate_json(result),
        }
    )
    if trial.state != state:
        raise ValueError(f"trial {number} is marked {state}, but its result says {trial.state}")
    return trial


def _create(connection: sqlite3.Connection, settings: Settings) -> None:
    """Makes the tables in the caller's transaction, so that a killed process leaves an empty file, not half a study."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO settings VALUES (?)", (settings.model_dump_json(),))


@contextmanager
def _connected(path: Path, mode: Literal["ro", "rwc"]) -> Iterator[sqlite3.Connection]:
    """Connects to a file, to read it or to write and create it. The connection stays open unless the block fails."""
    with _study_errors(path):
        if mode == "rwc":
            path.parent.mkdir(parents=True, exist_ok=True)
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_SECONDS)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise


@contextmanager
def _study_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the file system into errors that say what a user can do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StudyError(
                "the study is in use by another process", where=str(path), fix="Wait for it, or stop it."
            ) from error
        raise StudyError(f"cannot use the study: {error}", where=str(path), fix="Check disk and rights.") from error
    except sqlite3.DatabaseError as error:
        raise StudyError(
            f"not a study, or damaged: {error}", where=str(path), fix="Name another file, or start a new study."
        ) from error
    except OSError as error:
        raise StudyError(
            f"cannot write: {error.strerror}", where=str(path), fix="Check that folder, disk and rights allow it."
        ) from error


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turns errors of parsing stored text, and no others, into an error that says what a user can do."""
    try:
        yield
    except (ValidationError, TypeError, ValueError) as error:
        raise StudyError(
            f"damaged: {str(error).splitlines()[0]}", where=str(path), fix="Restore it, or start a new study."
        ) from error
