"""Makes a study in a database, and reads what it was made with."""

from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.storage.database import Database
from sparse_mcu.search.storage.notes import note_attributes, study_note
from sparse_mcu.search.storage.place import Place
from sparse_mcu.search.storage.workers import WORKERS
from sparse_mcu.search.strategies.rivals.optuna_asking import silent
from sparse_mcu.search.study.settings import Settings

SCHEMA_VERSION = 5
"""Version 5 is the first that Optuna's storage holds; the versions before it are imported."""

_SCHEMA, _SETTINGS, _ARTIFACTS = "sparse_mcu:schema", "sparse_mcu:settings", "sparse_mcu:artifacts"
_METRIC_NAMES = "study:metric_names"  # where Optuna keeps the names of the objectives


@dataclass(frozen=True, slots=True)
class Making:
    """What a study was made with.

    Attributes:
        settings: Its settings.
        artifacts: Where the files of its trials are kept; None for a folder beside the study's own file.
    """

    settings: Settings
    artifacts: str | None


def create(database: Database, settings: Settings) -> None:
    """Makes a study, unless there is one of that name already.

    Raises:
        StudyError: The database cannot be written, or it is on a server and nothing says where files go.
    """
    name, artifacts = database.place.name, database.place.artifacts
    with silent(), database.transaction() as connection:
        if study_id(database) is not None:
            return
        if database.place.file is None and artifacts is None:
            raise StudyError(
                "a new study on a server needs a place for the files of its trials",
                where=str(database.place),
                fix="Give --artifacts a folder or a URL that all workers see.",
            )
        WORKERS.metadata.create_all(connection)
        storage = database.storage
        made = storage.create_new_study([StudyDirection.MINIMIZE] * len(settings.objectives), name)
        storage.set_study_user_attr(made, _SCHEMA, SCHEMA_VERSION)
        storage.set_study_user_attr(made, _SETTINGS, settings.model_dump(mode="json"))
        storage.set_study_user_attr(made, _ARTIFACTS, artifacts)
        storage.set_study_system_attr(made, _METRIC_NAMES, list(settings.objectives))
        for key, value in note_attributes(study_note(settings)).items():
            storage.set_study_system_attr(made, key, value)


def study_id(database: Database) -> int | None:
    """Returns Optuna's id of the study in a database; None if there is no study of its name."""
    try:
        return database.storage.get_study_id_from_name(database.place.name)
    except KeyError:
        return None


def read_making(database: Database) -> Making:
    """Returns what a study was made with.

    Raises:
        StudyError: There is no such study, it is damaged, or it was made by another version of sparse-mcu.
    """
    place, found = database.place, study_id(database)
    if found is None:
        names = sorted(each.study_name for each in database.storage.get_all_studies())
        raise StudyError(
            f"no study is called {place.name}",
            where=str(place),
            fix=f"Name one with --study-name: {', '.join(names)}." if names else "Name another database.",
        )
    try:
        attributes = database.storage.get_study_user_attrs(found)
        _check_schema(place, attributes)
        return Making(Settings.model_validate(attributes[_SETTINGS]), attributes[_ARTIFACTS])
    except (KeyError, ValueError) as error:
        raise damaged(place, error) from error


def _check_schema(place: Place, attributes: dict[str, Any]) -> None:
    schema = attributes.get(_SCHEMA)
    if schema is None:
        raise StudyError(
            "not a study of sparse-mcu, but one of another program", where=str(place), fix="Give --study-name OTHER."
        )
    if schema != SCHEMA_VERSION:
        raise StudyError(
            f"study schema {schema}; this version reads {SCHEMA_VERSION}",
            where=str(place),
            fix="Use the version of sparse-mcu that wrote it, or a newer one.",
        )


def damaged(place: Place, error: Exception) -> StudyError:
    """Returns the error for a study whose records cannot be read."""
    return StudyError(
        f"damaged: {str(error).splitlines()[0]}", where=str(place), fix="Restore it, or start a new study."
    )


def refuse_other_settings(place: Place, settings: Settings, recorded: Settings) -> None:
    """Refuses to continue a study with other settings than it was made with.

    Raises:
        StudyError: A setting differs.
    """
    differences = settings.differences(recorded)
    if differences:
        raise StudyError(
            f"the study was made with other settings: {'; '.join(differences)}",
            where=str(place),
            fix="Use the study's own settings, or start another study with --study OTHER_FILE.",
        )
