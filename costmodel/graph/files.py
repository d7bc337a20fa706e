"""Reads untrusted files: only regular ones, of bounded size, and never outside the model's folder."""

import os
import stat
from pathlib import Path

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.limits import MAX_FILE_BYTES

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)

_COPY = "Copy the model with its data: `cp -L` copies the files that links lead to, as in Hugging Face's cache."


def read_model_file(path: Path) -> bytes:
    """Returns all bytes of the model file. The path itself may be a link, because the user chose it.

    Raises:
        ModelError: The file is missing, not a regular file, empty, unreadable or above `MAX_FILE_BYTES`.
    """
    data = _read(path, 0, MAX_FILE_BYTES, follow_links=True, where=str(path))
    if not data:
        raise ModelError("the file is empty", where=str(path), fix="Export or copy the model again.")
    return data


def read_external(folder: Path, location: str, offset: int, length: int, *, where: str) -> bytes:
    """Returns `length` bytes at `offset` of an external data file beside the model.

    The model names the file, and the model is not trusted. A link could lead to any file of the user, so links are
    refused.

    Args:
        folder: The model's folder.
        location: A bare file name in that folder.
        offset: First byte.
        length: Number of bytes.
        where: The model and tensor, for the message.

    Raises:
        ModelError: The name is a path, the file is a symbolic or hard link, is missing or is too short.
    """
    if location in ("", ".", "..") or any(mark in location for mark in "/\\:\0"):
        raise ModelError(
            f"external data {location[:80]!r} is not a plain file name",
            where=where,
            fix="External data is read only from a file beside the model; save the model as a single file.",
        )
    data = _read(folder / location, offset, length, follow_links=False, where=f"{where}: {location[:80]!r}")
    if len(data) != length:
        raise ModelError(
            f"external data ends after {len(data)} of {length} bytes",
            where=where,
            fix="Copy the data file again, or save the model as a single file.",
        )
    return data


def _read(path: Path, offset: int, limit: int, *, follow_links: bool, where: str) -> bytes:
    flags = os.O_RDONLY | _NO_WAIT | _BINARY | (0 if follow_links else _NO_LINK)
    try:
        if not follow_links and path.is_symlink():
            raise ModelError("is a symbolic link", where=where, fix=_COPY)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError("not a regular file", where=where, fix="Give the path of an .onnx file.")
            if not follow_links and status.st_nlink > 1:
                raise ModelError("has another name: a hard link", where=where, fix=_COPY)
            if status.st_size > MAX_FILE_BYTES:
                raise ModelError(
                    f"{status.st_size} bytes, more than the limit of {MAX_FILE_BYTES}",
                    where=where,
                    fix="Give a quantised model of a size that a microcontroller could run.",
                )
            file.seek(offset)
            return file.read(limit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelError(f"cannot be read ({reason})", where=where, fix="Check path and permissions.") from error
