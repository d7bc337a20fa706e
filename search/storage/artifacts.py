"""Keeps the files of trials by the hash of their content, in a folder or in any storage that fsspec reaches.

A file of a trial is written before its trial is recorded as finished. Equal files of several trials are kept once.
On a local disk a kept file is a second name of the file in the folder of its trial, so it takes no room of its own.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.storage.database import place_unless_there

OBJECTS = "objects"
"""The folder of the kept files. Each lies in it under its hash, whose first two digits are a folder."""


class ArtifactStore:
    """Keeps files by content.

    Args:
        location: A path, or a URL of fsspec such as s3://BUCKET/FOLDER.

    Raises:
        StudyError: No such storage can be reached.
    """

    def __init__(self, location: str | Path) -> None:
        self.location = str(location)
        with self._errors():
            self._system, self._root = fsspec.core.url_to_fs(self.location)

    @property
    def folder(self) -> Path | None:
        """Returns the folder that it is; None if it is not on a disk of this machine."""
        return Path(self._root) if isinstance(self._system, LocalFileSystem) else None

    def keep(self, folder: Path) -> dict[str, str]:
        """Keeps all files of a folder.

        Returns:
            The hash of each file, by its path in the folder, with slashes.

        Raises:
            StudyError: A file cannot be written.
        """
        with self._errors():
            return {
                path.relative_to(folder).as_posix(): self._keep_file(path)
                for path in sorted(folder.rglob("*"))
                if path.is_file() and not path.is_symlink()
            }

    def restore(self, files: Mapping[str, str], target: Path) -> bool:
        """Makes the folder of a trial from kept files, whole or not at all.

        Args:
            files: The hash of each file, by its path in the folder.
            target: The folder, which does not exist.

        Returns:
            Whether all files were there. If not, no folder is made.

        Raises:
            StudyError: A kept file is damaged, or the storage cannot be reached.
        """
        with self._errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            hidden = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            try:
                for name, digest in files.items():
                    path = hidden / PurePosixPath(name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if not self._fetch(digest, path):
                        return False
                hidden.chmod(0o755)
                hidden.rename(target)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
        return True

    def _keep_file(self, path: Path) -> str:
        digest = _digest(path)
        if (root := self.folder) is not None:
            kept = root / _place(digest)
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                place_unless_there(path, kept)
            return digest
        target = f"{self._root}/{_place(digest)}"
        # A process that was killed may have left a part of the file.
        if not self._system.exists(target) or self._system.size(target) != path.stat().st_size:
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), target)
        return digest

    def _fetch(self, digest: str, path: Path) -> bool:
        """Gives a kept file a place in a folder; returns whether it was there."""
        if (root := self.folder) is not None:
            kept = root / _place(digest)
            if not kept.is_file():
                return False
            place_unless_there(kept, path)
        else:
            target = f"{self._root}/{_place(digest)}"
            if not self._system.exists(target):
                return False
            self._system.get_file(target, str(path))
        if _digest(path) != digest:
            raise StudyError(
                f"the kept file {digest} was changed", where=self.location, fix="Delete it; its trial loses this file."
            )
        return True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ImportError, ValueError) as error:
            raise StudyError(
                f"cannot keep files there: {error}", where=self.location, fix="Check --artifacts, and your rights."
            ) from error


def _place(digest: str) -> str:
    return f"{OBJECTS}/{digest[:2]}/{digest}"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
