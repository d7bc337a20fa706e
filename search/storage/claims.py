"""Gives every trial to one worker at a time.

A claim is the name of a worker in a trial's attributes. It holds as long as the worker lives. Whoever records something
for a trial checks in the same transaction that the trial is still theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from sparse_mcu.search.evaluation.result import Failure, Result
from sparse_mcu.search.storage import records
from sparse_mcu.search.storage.database import Database, database_errors
from sparse_mcu.search.storage.history import History
from sparse_mcu.search.storage.notes import note_attributes
from sparse_mcu.search.storage.workers import GRACE_SECONDS, Worker, living
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Proposal, Trial

MOST_DEATHS = 5
"""How many workers may die over one trial. Then it fails, so that it does not kill all workers one after another."""

_DEADLY = f"{MOST_DEATHS} processes died while they evaluated it; check whether memory ran out"


class LostClaimError(Exception):
    """Another worker took the trial, because this one was silent for too long."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A trial that this worker may work on.

    Attributes:
        number: Its number.
        trial: What was proposed for it before; None if nothing was.
    """

    number: int
    trial: Trial | None


class Claims:
    """The claims of this process on the trials of a study.

    Args:
        database: The database of the study.
        study: Optuna's id of the study.
        settings: The settings of the study.
        history: The trials of the study.
        grace_seconds: How long other workers may be silent.
    """

    def __init__(
        self,
        database: Database,
        study: int,
        settings: Settings,
        history: History,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._database, self._study, self._settings, self._history = database, study, settings, history
        self._grace_seconds = grace_seconds
        self._worker = Worker(database.storage.engine)
        self._held: dict[int, int] = {}  # number of a trial -> its id

    @property
    def worker(self) -> str:
        """Returns the name of this worker."""
        return self._worker.name

    def take(self, limit: int) -> Claim | None:
        """Claims a trial that nobody works on, else a new one, unless the study has `limit` trials."""
        with database_errors(self._database.place):
            self._worker.start()
        with self._database.transaction() as connection:
            trials = self._history.frozen()
            others = living(connection, self._grace_seconds) - {self.worker}
            for free in (each for each in trials if self._is_free(each, others)):
                if (trial_id := self._take_over(free)) is not None:
                    self._held[free.number] = trial_id
                    return Claim(free.number, records.trial_of(free))
            if len(trials) >= limit:
                return None
            made = create_trial(state=TrialState.RUNNING, user_attrs={records.WORKER: self.worker})
            trial_id = self._database.storage.create_new_trial(self._study, made)
            number = self._database.storage.get_trial_number_from_id(trial_id)
        self._held[number] = trial_id
        return Claim(number, None)

    def record(self, number: int, proposal: Proposal, history: Sequence[Trial]) -> Trial | None:
        """Records what a claimed trial shall try.

        Args:
            number: The number of the trial.
            proposal: What it shall try.
            history: The trials that the proposal was made with.

        Returns:
            The trial; None if another worker has begun the same configuration since.

        Raises:
            LostClaimError: The trial is another worker's now.
        """
        known = {trial.number for trial in history} | {number}
        with self._database.transaction() as connection:
            trial_id = self._own(number)
            begun = (trial.configuration for trial in self._history.trials() if trial.number not in known)
            if proposal.configuration in begun:
                return None
            storage = self._database.storage
            for key, value in records.proposal_attributes(proposal).items():
                storage.set_trial_user_attr(trial_id, key, value)
            parameters = records.parameters_of(proposal.configuration, self._settings.space)
            records.write_parameters(connection, trial_id, parameters)
        return Trial(number=number, **dict(proposal))

    def finish(
        self, trial: Trial, result: Result, files: Mapping[str, str], note: str, publish: Callable[[], None]
    ) -> None:
        """Records the result of a claimed trial.

        Args:
            trial: The trial.
            result: Its result.
            files: The hash of each of its files.
            note: Its report, as Markdown.
            publish: Shows its files to users. It is called when the claim has been checked.

        Raises:
            LostClaimError: The trial is another worker's now.
        """
        storage = self._database.storage
        with self._database.transaction():
            trial_id = self._own(trial.number)
            publish()
            for key, value in records.result_attributes(result, files).items():
                storage.set_trial_user_attr(trial_id, key, value)
            storage.set_trial_system_attr(trial_id, records.CONSTRAINTS, records.constraints_of(result, self._settings))
            for step, value in records.intermediate_values_of(result).items():
                storage.set_trial_intermediate_value(trial_id, step, value)
            for key, value in note_attributes(note, trial_id).items():
                storage.set_study_system_attr(self._study, key, value)
            storage.set_trial_state_values(
                trial_id, records.state_of(result), records.values_of(result, self._settings)
            )
        del self._held[trial.number]

    def release(self) -> None:
        """Gives up all claims, so that other workers, or a later call, take them at once."""
        if self._held:
            with self._database.transaction():
                for trial_id in self._held.values():
                    if _owner(self._database.storage, trial_id) == self.worker:
                        self._database.storage.set_trial_user_attr(trial_id, records.WORKER, None)
                        self._database.storage.set_trial_state_values(trial_id, TrialState.WAITING)
            self._held.clear()

    def close(self) -> None:
        """Gives up all claims, and takes this worker out of the study."""
        with database_errors(self._database.place):
            try:
                self.release()
            finally:
                self._worker.stop()

    def _is_free(self, trial: FrozenTrial, others: set[str]) -> bool:
        is_taken = trial.number in self._held or trial.user_attrs.get(records.WORKER) in others
        return not trial.state.is_finished() and not is_taken

    def _take_over(self, trial: FrozenTrial) -> int | None:
        """Takes a trial that nobody works on; None if that has killed MOST_DEATHS workers, which makes it fail."""
        storage, attributes = self._database.storage, trial.user_attrs
        trial_id = storage.get_trial_id_from_study_id_trial_number(self._study, trial.number)
        deaths = attributes.get(records.DEATHS, 0)
        if attributes.get(records.WORKER) is not None and records.PROPOSAL in attributes:
            deaths += 1
            storage.set_trial_user_attr(trial_id, records.DEATHS, deaths)
        if trial.state is TrialState.WAITING:
            storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        if deaths >= MOST_DEATHS:
            failure = Failure(stage="training", error="WorkerError", reason=_DEADLY, seconds={})
            for key, value in records.result_attributes(failure, {}).items():
                storage.set_trial_user_attr(trial_id, key, value)
            storage.set_trial_state_values(trial_id, records.state_of(failure))
            return None
        storage.set_trial_user_attr(trial_id, records.WORKER, self.worker)
        return trial_id

    def _own(self, number: int) -> int:
        """Returns the id of a trial that is this worker's."""
        trial_id = self._held.get(number)
        if trial_id is None or _owner(self._database.storage, trial_id) != self.worker:
            self._held.pop(number, None)
            raise LostClaimError(number)
        return trial_id


def _owner(storage: RDBStorage, trial_id: int) -> str | None:
    """Returns whose an unfinished trial is."""
    trial = storage.get_trial(trial_id)
    return None if trial.state.is_finished() else trial.user_attrs.get(records.WORKER)
