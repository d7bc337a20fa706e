"""Says where a study is: in a file, or on a database server that many machines reach."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sparse_mcu.costmodel.errors import StudyError

DEFAULT_NAME = "sparse-mcu"
"""The name that a study has among the studies of its database if the user names none."""

ARTIFACTS_SUFFIX = ".artifacts"
"""What the name of a folder with the files of trials ends with."""

_POSTGRES = ("postgres", "postgresql")
_DRIVER = "postgresql+psycopg"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study is: a file, or a database on a server, and where the files of its trials are.

    Attributes:
        file: The SQLite file; None on a server.
        server: The URL of the database on a server; None for a file.
        name: The name of the study among the studies of the database.
        artifacts: Where the files of its trials are kept, as a path or a URL of fsspec. A study remembers that with
            which it was made. None stands for that, and in the beginning for a folder beside the study's file.
    """

    file: Path | None = None
    server: URL | None = None
    name: str = DEFAULT_NAME
    artifacts: str | None = None

    def __str__(self) -> str:
        """Returns what messages call it: the file, or the URL without its password, and a name that is not usual."""
        where = str(self.file) if self.server is None else self.server.render_as_string(hide_password=True)
        return where if self.name == DEFAULT_NAME else f"{where} (study {self.name})"

    @property
    def folder(self) -> Path:
        """Returns the folder for the files of trials on this machine: beside the file, or in the current folder."""
        file = self.file or Path(self.name)
        return file.with_name(file.name + ARTIFACTS_SUFFIX)


def folder_name(number: int) -> str:
    """Returns the name of the folder of a trial."""
    return f"trial-{number:04d}"


def place_of(text: str | Path, name: str | None = None, artifacts: str | None = None) -> Place:
    """Returns the place that a path or a URL of SQLAlchemy names.

    Args:
        text: The path of a SQLite file, `sqlite:///FILE`, or `postgresql://USER@HOST/DATABASE`.
        name: The name of the study in its database; None for the usual one.
        artifacts: Where the files of its trials are kept; None for what the study remembers.

    Raises:
        StudyError: The text is a URL of no database that studies can be in.
    """
    name = DEFAULT_NAME if name is None else name
    kept = artifacts if artifacts is None or "://" in artifacts else str(Path(artifacts).absolute())
    if isinstance(text, Path) or "://" not in text:
        return Place(file=Path(text), name=name, artifacts=kept)
    kind = urlsplit(text).scheme.partition("+")[0]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _refusal(text, "this is no URL of a database") from error
    if kind == "sqlite" and url.database:
        return Place(file=Path(url.database), name=name, artifacts=kept)
    if kind not in _POSTGRES:
        raise _refusal(text, f"studies cannot be in {kind or 'such'} databases")
    server = url.set(drivername=_DRIVER) if "+" not in url.drivername else url
    return Place(server=server, name=name, artifacts=kept)


def _refusal(text: str, what: str) -> StudyError:
    scheme = text.partition("://")[0]  # the rest may have a password
    return StudyError(what, where=f"{scheme}://...", fix="Name a file, or postgresql://USER@HOST/DATABASE.")
