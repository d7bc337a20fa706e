"""The folder where things that are slow to make and the same for every user of a version are kept."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from sparse_mcu.costmodel.errors import ToolchainError

VARIABLE = "SPARSE_MCU_CACHE"


def cache_folder(*parts: str) -> Path:
    """A folder below $SPARSE_MCU_CACHE, else below the user's cache folder; made if missing.

    Raises:
        ToolchainError: It cannot be made.
    """
    named = os.environ.get(VARIABLE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparse-mcu"
    folder = (Path(named) if named else base).joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolchainError(
            f"no cache folder can be made: {error}",
            where="cache",
            fix=f"Set {VARIABLE} to a folder that you may write.",
        ) from error
    return folder


def cached(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder`, filled by `make` if it does not exist yet.

    `make` gets an empty folder that becomes `folder` in one step, so other processes see all or nothing.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as temporary:
        fresh = Path(temporary) / "content"
        fresh.mkdir()
        make(fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster and made the same
                raise
    return folder
