"""Identifies programs by their content.

A program's content is read once. Later its path, inode, size and times tell that it is still the same.
"""

from functools import cache
from hashlib import file_digest
from pathlib import Path

from sparse_mcu.simulation.cache.store import Store, content_key


def program_key(program: Path) -> str:
    """Returns a key that changes whenever the file may have changed. It is made of path, inode, size and times.

    Raises:
        OSError: There is no such file.
    """
    real = program.resolve()
    status = real.stat()
    return content_key(repr((str(real), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)))


def program_digest(program: Path) -> str:
    """Returns the SHA-256 of the file's content. A compiler of 200 MB takes a second, once per machine.

    Raises:
        OSError: There is no such file.
    """
    return _digest(program, program_key(program))


@cache
def _digest(program: Path, key: str) -> str:
    store = Store("programs")
    if (known := store.get(key)) is not None:
        return known["sha256"].decode()
    with program.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    store.put(key, {"sha256": digest.encode()})
    return digest
