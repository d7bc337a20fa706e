"""Brings studies of schema 2 to 4, which had SQLite files of our own, into the present form.

The new file is complete before it takes the place of the old one, which stays beside it under another name.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import ValidationError

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.storage import records
from sparse_mcu.search.storage.artifacts import ArtifactStore
from sparse_mcu.search.storage.creation import SCHEMA_VERSION, create, damaged, refuse_other_settings, study_id
from sparse_mcu.search.storage.database import Database, Mode, connect, database_errors, hidden_file, sync
from sparse_mcu.search.storage.notes import note_attributes, report_in, trial_note
from sparse_mcu.search.storage.place import Place, folder_name
from sparse_mcu.search.study.settings import Settings
from sparse_mcu.search.study.trial import Trial

APPLICATION_ID = 0x53704172  # "SpAr"; it distinguishes our old files from other SQLite files
_READABLE = (2, 3, 4)
_FIXES = {
    1: "Start a new study: schema 1 recorded onnxruntime's errors as the board's, and had no test images.",
}


def is_old(place: Place) -> bool:
    """Returns whether a file is a study of a schema before Optuna's storage.

    Raises:
        StudyError: The file is damaged, or of a schema that cannot be imported.
    """
    if place.file is None or not place.file.is_file():
        return False
    with database_errors(place), _connected(place.file, "ro") as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        return False
    if schema not in _READABLE:
        raise StudyError(
            f"study schema {schema}; this version reads {SCHEMA_VERSION}",
            where=str(place),
            fix=_FIXES.get(schema, "Use the version of sparse-mcu that wrote it, or a newer one."),
        )
    return True


def import_old(place: Place, settings: Settings | None = None) -> None:
    """Replaces the file of an old study by one of the present form. The old file gets the suffix `.old`.

    Trials that have not ended run again. The folders of the trials stay where they are.

    Args:
        place: The file.
        settings: What the study must have been made with; None for anything.

    Raises:
        StudyError: It is damaged or in use, has other settings, or cannot be written.
    """
    file = place.file
    if file is None:
        return
    identity = file.stat().st_ino
    with database_errors(place), _connected(file, "rw") as old:
        old.execute("BEGIN EXCLUSIVE")  # neither an old version nor another import may change it meanwhile
        if file.stat().st_ino != identity:  # another process was faster
            return
        recorded, trials = _read(place, old)
        if settings is not None:
            refuse_other_settings(place, settings, recorded)
        with hidden_file(file) as hidden:
            database = Database.fresh(place, hidden)
            create(database, recorded)
            _write(database, recorded, trials)
            database.close()
            sync(hidden)
            kept = file.with_name(f"{file.name}.old")
            kept.unlink(missing_ok=True)
            kept.hardlink_to(file)
            hidden.replace(file)


def _read(place: Place, connection: sqlite3.Connection) -> tuple[Settings, list[Trial]]:
    try:
        ((text,),) = connection.execute("SELECT json FROM settings").fetchall()
        rows = connection.execute("SELECT * FROM trials ORDER BY number").fetchall()
        trials = [_trial(*row) for row in rows]
        settings = Settings.model_validate_json(text)
    except (ValidationError, TypeError, ValueError) as error:
        raise damaged(place, error) from error
    if [trial.number for trial in trials] != list(range(len(trials))):
        raise damaged(place, ValueError("a trial is missing"))
    return settings, trials


def _trial(number: int, state: str, proposal: str, result: str | None) -> Trial:
    made = json.loads(proposal)
    trial = Trial.model_validate(
        {
            **(made if "configuration" in made else {"configuration": made}),  # until schema 3 it stood alone
            "number": number,
            "result": None if result is None else records.RESULT_RECORD.validate_json(result),
        }
    )
    if trial.state != state:
        raise ValueError(f"trial {number} is marked {state}, but its result says {trial.state}")
    return trial


def _write(database: Database, settings: Settings, trials: list[Trial]) -> None:
    store, found = ArtifactStore(database.place.artifacts or database.place.folder), study_id(database)
    if found is None:
        raise StudyError("the new study is gone", where=str(database.place), fix="Try again.")
    with database.transaction():
        for trial in trials:
            folder = database.place.folder / folder_name(trial.number)
            files = store.keep(folder) if trial.result is not None else {}
            trial_id = database.storage.create_new_trial(found, _frozen(trial, settings, files))
            if trial.result is not None:
                for key, value in note_attributes(trial_note(trial, report_in(folder)), trial_id).items():
                    database.storage.set_study_system_attr(found, key, value)


def _frozen(trial: Trial, settings: Settings, files: dict[str, str]) -> FrozenTrial:
    parameters = records.parameters_of(trial.configuration, settings.space)
    known: dict[str, Any] = {
        "params": {name: value for name, (value, _) in parameters.items()},
        "distributions": {name: distribution for name, (_, distribution) in parameters.items()},
    }
    attributes = records.proposal_attributes(trial)
    if trial.result is None:
        return create_trial(state=TrialState.WAITING, user_attrs=attributes, **known)
    return create_trial(
        state=records.state_of(trial.result),
        values=records.values_of(trial.result, settings),
        user_attrs={**attributes, **records.result_attributes(trial.result, files)},
        system_attrs={records.CONSTRAINTS: records.constraints_of(trial.result, settings)},
        intermediate_values=records.intermediate_values_of(trial.result),
        **known,
    )


@contextmanager
def _connected(file: Path, mode: Mode) -> Iterator[sqlite3.Connection]:
    connection = connect(file, mode)
    try:
        yield connection
    finally:
        connection.close()
