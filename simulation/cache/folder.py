"""Finds folders that keep what is slow to make and the same for every user of a version.

Two kinds of things lie there. Data, such as objects and runs, may come from anywhere, because whoever reads them checks
them. Programs, such as the native counter, are run or linked. They are only taken from a folder that nobody else can
write. If no folder can be written, a temporary one of this process takes its place.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sparse_mcu.costmodel.errors import ToolchainError

VARIABLE = "SPARSE_MCU_CACHE"
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


def cache_folder(*parts: str) -> Path:
    """Returns a folder for data, and makes it for us alone if it is missing.

    It lies below $SPARSE_MCU_CACHE, or else below the user's cache folder.

    Raises:
        ToolchainError: Something else is in its place.
    """
    base = _base()
    if base is None:
        return scratch_folder(*parts)
    folder = base.joinpath(*parts)
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        base.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            return scratch_folder(*parts)
        raise ToolchainError(
            f"no cache folder can be made: {error}",
            where="cache",
            fix=f"Set {VARIABLE} to a folder that you may write.",
        ) from error
    return folder


def program_folder(*parts: str) -> Path:
    """Returns a folder for programs: that of `cache_folder` if only we and root can write it, else a temporary one.

    Raises:
        ToolchainError: Something else is in its place.
    """
    folder = cache_folder(*parts)
    return folder if is_ours(folder) else scratch_folder(*parts)


def scratch_folder(*parts: str) -> Path:
    """Returns a folder that is removed when this process ends."""
    folder = Path(_scratch().name).joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_ours(path: Path) -> bool:
    """Whether nobody but this user and root can change what lies at `path`.

    All folders above it count too. Whoever can rename one of them can put another in its place.
    """
    if os.name != "posix":
        return True
    real = path.resolve()
    return all(_is_ours_alone(each) for each in (real, *real.parents))


def _is_ours_alone(path: Path) -> bool:
    status = path.stat()
    writers = status.st_mode & (stat.S_IWOTH if _is_private(status.st_gid) else stat.S_IWOTH | stat.S_IWGRP)
    sticky = status.st_mode & stat.S_ISVTX  # like /tmp: users may only rename what is theirs
    return status.st_uid in {0, os.geteuid()} and (not writers or bool(sticky))


def _is_private(group: int) -> bool:
    """Whether this user is the only member of a group. Many systems give each user such a group, which may write."""
    import grp  # noqa: PLC0415 - Windows has no such module
    import pwd  # noqa: PLC0415 - Windows has no such module

    try:
        user, found = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return found.gr_name == user and set(found.gr_mem) <= {user}


def cached(folder: Path, make: Callable[[Path], object]) -> Path:
    """Returns `folder`, filled by `make` if it did not exist yet.

    `make` gets an empty folder that becomes `folder` in one step. So other processes see all of its content or nothing.

    Returns:
        `folder`, or a temporary one with the same content if `folder` cannot be written.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent)
    except OSError as error:
        elsewhere = scratch_folder("made") / folder.name
        if error.errno not in _NOT_WRITABLE or elsewhere == folder:
            raise
        return cached(elsewhere, make)
    with temporary as name:
        fresh = Path(name) / "content"
        fresh.mkdir()
        make(fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster, and made the same content
                raise
    return folder


def _base() -> Path | None:
    """Returns where the cache should lie; None for a user without a home."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "sparse-mcu"
    try:
        return Path.home() / ".cache" / "sparse-mcu"
    except RuntimeError:
        return None


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="sparse-mcu-")
