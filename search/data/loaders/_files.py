"""Finds and reads the original files of a dataset."""

import gzip
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sparse_mcu.costmodel.errors import DatasetError

VARIABLE = "SPARSE_MCU_DATASETS"
"""Names a folder with a sub-folder for each dataset, such as `mnist`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Says where the files of a dataset come from.

    Attributes:
        name: The name of the dataset, and of its folder in SPARSE_MCU_DATASETS.
        files: A description of the files, for messages.
        hint: A sentence on how to get them.
        packaged: The folder into which a package of the system puts them.
    """

    name: str
    files: str
    hint: str = ""
    packaged: Path | None = None

    @property
    def fix(self) -> str:
        """Returns a sentence on what to do if the files are missing."""
        hint = f"{self.hint} " if self.hint else ""
        return f"Get {self.files}. {hint}Name their folder by --data-dir, or put it at ${VARIABLE}/{self.name}."

    def folder(self, named: Path | None) -> Path:
        """Returns the folder with the files: the one that is named, else that of the variable, else that of a package.

        Raises:
            DatasetError: No such folder exists. The message names all places.
        """
        if named is not None:
            if not named.is_dir():
                raise DatasetError("no such folder", where=str(named), fix=self.fix)
            return named
        places = self._usual_places()
        for place in places:
            if place.is_dir():
                return place
        tried = f"it is not at {' or '.join(map(str, places))}" if places else f"${VARIABLE} is not set"
        raise DatasetError(f"{self.name} comes with no Python package, and {tried}", where="--dataset", fix=self.fix)

    def _usual_places(self) -> list[Path]:
        root = os.environ.get(VARIABLE)
        places = [Path(root) / self.name] if root else []
        return [*places, self.packaged] if self.packaged else places

    def find(self, folder: Path, names: Iterable[str]) -> Path:
        """Returns the first of several usual names that exists in the folder.

        Raises:
            DatasetError: None of them exists.
        """
        wanted = tuple(names)
        for name in wanted:
            if (folder / name).exists():
                return folder / name
        raise DatasetError(f"there is no {wanted[0]}", where=str(folder), fix=self.fix)

    def damaged(self, what: str, path: Path) -> DatasetError:
        """Returns the error for a file or folder that is not what it should be."""
        return DatasetError(what, where=str(path), fix=f"Get {self.files} again.")

    def read(self, path: Path, limit: int) -> bytes:
        """Returns all bytes of a file. A file whose name ends in .gz is unpacked.

        Raises:
            DatasetError: The file cannot be read, or holds more than `limit` bytes.
        """
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                data = stream.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise self.damaged(f"cannot be read: {error}", path) from error
        if len(data) > limit:
            raise self.damaged(f"holds more than {limit} bytes", path)
        return data
