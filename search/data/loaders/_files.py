"""Reading the original files of a dataset from the user's folder."""

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path

from sparse_mcu.costmodel.errors import DatasetError


def require_folder(folder: Path | None, *, name: str, source: str) -> Path:
    """The user's folder.

    Raises:
        DatasetError: None was named, or it is none.
    """
    if folder is None:
        raise DatasetError(f"{name} is in no package", where="--dataset", fix=f"Get {source}; name it by --data-dir.")
    if not folder.is_dir():
        raise DatasetError("no such folder", where=str(folder), fix=f"Get {source}; name it by --data-dir.")
    return folder


def find_file(folder: Path, names: Iterable[str], *, source: str) -> Path:
    """The first of several usual names that exists in the folder.

    Raises:
        DatasetError: None does.
    """
    wanted = tuple(names)
    for name in wanted:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"there is no {wanted[0]}", where=str(folder), fix=f"Get {source}; name it by --data-dir.")


def read_limited(path: Path, limit: int, *, source: str) -> bytes:
    """All bytes of a file, unpacked where its name ends in .gz.

    Raises:
        DatasetError: It cannot be read, or holds more than `limit` bytes.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"cannot be read: {error}", where=str(path), fix=f"Get {source} again.") from error
    if len(data) > limit:
        raise DatasetError(f"holds more than {limit} bytes", where=str(path), fix=f"Get {source} again.")
    return data
