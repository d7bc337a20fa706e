"""Writes files so that no reader ever sees half of one."""

import os
import tempfile
from pathlib import Path

from sparse_mcu.costmodel.errors import SparseMcuError


def write_atomically(path: Path, data: str | bytes) -> None:
    """Writes `data` to a temporary file beside `path`, then moves that file to `path`.

    Raises:
        SparseMcuError: The folder does not exist or cannot be written.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise SparseMcuError(
            f"cannot write: {error.strerror}", where=str(path), fix="Name a file in an existing, writable folder."
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise SparseMcuError(
            f"cannot write: {error.strerror}", where=str(path), fix="Check disk and rights."
        ) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
