"""An open study: its settings, its trials, and how any number of workers add to it.

A study is a study of Optuna, and the numbers of its trials are Optuna's. A worker first claims a number, then decides
what to try under it, then evaluates that, then records the result. Each of these steps is one transaction. A worker
that dies between two of them leaves a claim that no living worker holds. The next worker that asks for work takes it,
under the same number and so with the same seed. So the trials of a study do not depend on who was killed.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.evaluation.result import Result
from sparse_mcu.search.storage.artifacts import ArtifactStore
from sparse_mcu.search.storage.claims import Claims, LostClaimError
from sparse_mcu.search.storage.creation import create, read_making, refuse_other_settings, study_id
from sparse_mcu.search.storage.database import Database, database_errors, is_missing
from sparse_mcu.search.storage.history import History
from sparse_mcu.search.storage.importing import import_old, is_old
from sparse_mcu.search.storage.notes import report_in, trial_note
from sparse_mcu.search.storage.place import Place, folder_name, place_of
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

Propose = Callable[[int, list[Trial]], Proposal | None]
"""Decides what the trial of a number tries, from the trials that there are; None if there is nothing left to try."""


class Study:
    """An open study. Use it in a `with` statement, or call `close`.

    Args:
        database: The database of the study.

    Raises:
        StudyError: The database has no such study, or it is damaged.
    """

    def __init__(self, database: Database) -> None:
        self.place = database.place
        with database_errors(self.place):
            making, found = read_making(database), study_id(database)
        self.settings = making.settings
        self._database, self._history = database, History(database)
        self._claims = Claims(database, found or 0, self.settings, self._history)
        self._store = ArtifactStore(self.place.artifacts or making.artifacts or self.place.folder)

    @classmethod
    def load(cls, place: Place | Path | str) -> Self:
        """Opens an existing study to read it. A study of an older version is brought into the form of this one.

        Raises:
            StudyError: It does not exist, is not a study, has another schema, or is damaged.
        """
        place = place if isinstance(place, Place) else place_of(place)
        if is_missing(place) or (place.file is not None and not place.file.is_file()):
            raise StudyError("no such study", where=str(place), fix="Name the study of a `search --study`.")
        if is_old(place):
            import_old(place)
        with _closed_on_error(Database.open(place, "ro")) as database:
            return cls(database)

    @classmethod
    def open(cls, place: Place | Path | str, settings: Settings) -> Self:
        """Opens a study to add trials to it, or makes a new one.

        Args:
            place: Where it is.
            settings: What its results depend on.

        Raises:
            StudyError: It has another schema or other settings, is damaged, or cannot be made.
        """
        place = place if isinstance(place, Place) else place_of(place)
        if is_old(place):
            import_old(place, settings)
        if is_missing(place):
            Database.make(place, lambda database: create(database, settings))
        with _closed_on_error(Database.open(place, "rw")) as database:
            create(database, settings)
            study = cls(database)
            refuse_other_settings(place, settings, study.settings)
            return study

    @property
    def artifacts(self) -> Path:
        """Returns the folder on this machine that contains the folders of all trials."""
        kept = self._store.folder if self.place.file is None else None
        return kept or self.place.folder

    def folder(self, trial: Trial) -> Path:
        """Returns the folder with the files of a finished trial.

        If another machine has evaluated the trial, its files are fetched now.

        Raises:
            StudyError: Its files were damaged, or cannot be fetched.
        """
        folder = self._folder_of(trial)
        if trial.result is not None and not folder.exists() and (files := self._history.files(trial)):
            self._store.restore(files, folder)
        return folder

    def trials(self) -> list[Trial]:
        """Returns all trials that have a configuration, in order.

        Raises:
            StudyError: A record is damaged.
        """
        return self._history.trials()

    def begin(self, limit: int, propose: Propose) -> Trial | None:
        """Claims the next trial for this process: one that nobody works on any more, or else a new one.

        Args:
            limit: The most trials that the study shall have.
            propose: Decides what to try, if the trial has no configuration yet. It is called again if another worker
                began the same configuration meanwhile.

        Returns:
            The trial; None if the study has `limit` trials, or if there is nothing left to try.
        """
        while (claim := self._claims.take(limit)) is not None:
            self._remove_workspaces(claim.number)
            with suppress(LostClaimError):
                return claim.trial or self._proposed(claim.number, propose)
        return None

    @contextmanager
    def workspace(self, trial: Trial) -> Iterator[Path]:
        """Makes an empty folder to evaluate a trial in, for the length of a `with` statement.

        `finish` moves the folder away. A folder that is still there at the end is deleted: its trial was interrupted.
        """
        folder = self._workspace_of(trial)
        with database_errors(self.place):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def finish(self, trial: Trial, result: Result) -> Trial | None:
        """Keeps the files in a trial's workspace, then records the result.

        Returns:
            The trial with its result; None if another worker has taken the trial, because this one was silent.

        Raises:
            StudyError: The trial has no workspace, or the study cannot be written.
        """
        workspace, target = self._workspace_of(trial), self._folder_of(trial)
        finished = trial.model_copy(update={"result": result})
        files = self._store.keep(workspace)
        note = trial_note(finished, report_in(workspace))

        def publish() -> None:
            # A process that was killed may have moved a folder there without recording the result.
            shutil.rmtree(target, ignore_errors=True)
            workspace.rename(target)

        try:
            self._claims.finish(trial, result, files, note, publish)
        except LostClaimError:
            return None
        return finished

    def release(self) -> None:
        """Gives up the trials that this process has not finished. The next call that asks for work takes them."""
        self._claims.release()

    def close(self) -> None:
        """Gives up the trials that this process has not finished, and closes the database."""
        with suppress(StudyError):  # the other workers find out by themselves
            self._claims.close()
        self._database.close()

    def __enter__(self) -> Self:
        """Returns the study, for a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Closes the study."""
        self.close()

    def _proposed(self, number: int, propose: Propose) -> Trial | None:
        while True:
            history = self.trials()
            proposal = propose(number, history)
            if proposal is None:
                return None
            trial = self._claims.record(number, proposal, history)
            if trial is not None:
                return trial

    def _folder_of(self, trial: Trial) -> Path:
        return self.artifacts / folder_name(trial.number)

    def _workspace_of(self, trial: Trial) -> Path:
        return self.artifacts / f"{folder_name(trial.number)}.{self._claims.worker}"

    def _remove_workspaces(self, number: int) -> None:
        """Removes what workers that died left of a trial."""
        for folder in self.artifacts.glob(f"{folder_name(number)}.*"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _closed_on_error(database: Database) -> Iterator[Database]:
    """Closes a database if a `with` block fails."""
    try:
        with database_errors(database.place):
            yield database
    except BaseException:
        database.close()
        raise
