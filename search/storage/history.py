"""Reads the trials of a study. Finished trials never change, so each is read once."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.trial import FrozenTrial

from sparse_mcu.search.storage.creation import damaged
from sparse_mcu.search.storage.database import Database, database_errors
from sparse_mcu.search.storage.records import files_of, trial_of
from sparse_mcu.search.study.trial import Trial


class History:
    """The trials of a study, whose finished ones are kept in memory.

    Args:
        database: The database of the study.
    """

    def __init__(self, database: Database) -> None:
        self._place = database.place
        with self._errors():
            self._study = optuna.load_study(
                study_name=database.place.name, storage=database.storage, sampler=optuna.samplers.RandomSampler()
            )
        self._finished: dict[int, Trial | None] = {}

    def frozen(self) -> list[FrozenTrial]:
        """Returns all trials as Optuna has them, by number. Nobody may change them.

        Raises:
            StudyError: The database is damaged or away.
        """
        with self._errors():
            return self._study.get_trials(deepcopy=False)

    def trials(self) -> list[Trial]:
        """Returns the trials that have a configuration, in order.

        Raises:
            StudyError: The database is damaged or away.
        """
        with self._errors():
            found = [self._trial(frozen) for frozen in self.frozen()]
        return [trial for trial in found if trial is not None]

    def files(self, trial: Trial) -> dict[str, str]:
        """Returns the hash of each kept file of a trial, by its path in the trial's folder."""
        return next((files_of(each) for each in self.frozen() if each.number == trial.number), {})

    def _trial(self, frozen: FrozenTrial) -> Trial | None:
        if not frozen.state.is_finished():
            return trial_of(frozen)
        if frozen.number not in self._finished:
            self._finished[frozen.number] = trial_of(frozen)
        return self._finished[frozen.number]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns errors of the database, and of reading what is in it, into errors that say what a user can do."""
        try:
            with database_errors(self._place):
                yield
        except (ValueError, TypeError, LookupError) as error:
            raise damaged(self._place, error) from error
