"""Keeps results by content: small ones that are slow to make and certain to come out the same again.

Objects of the compiler and runs of engines are kept here. An entry is one file, so any number of processes may read,
write and evict at once. It holds its own hash. A damaged entry counts as missing.

(`sparse_mcu.simulation.cache.folder` keeps folders: a few tools that must lie at a path, and are never evicted.)
"""

import json
import logging
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.files import write_atomically
from sparse_mcu.simulation.cache.folder import cache_folder

_log = logging.getLogger(__name__)

LIMIT_VARIABLE = "SPARSE_MCU_CACHE_MIB"
_DEFAULT_MIB = 512
_SHARDS = 16
_DIGEST_BYTES = 32
_LENGTH_BYTES = 4


def limit_bytes() -> int:
    """Returns how much each store may take: $SPARSE_MCU_CACHE_MIB, 512 MiB by default. 0 turns stores off.

    Raises:
        SparseMcuError: The variable holds no number.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(_DEFAULT_MIB))
    if not text.isdecimal():
        raise SparseMcuError(
            f"{text!r} is not a number of mebibytes", where=LIMIT_VARIABLE, fix="Give a whole number; 0 for no cache."
        )
    return int(text) << 20


def content_key(*parts: str | bytes) -> str:
    """Returns a key for a result that follows from these parts alone, in this order."""
    digests = (sha256(part.encode() if isinstance(part, str) else part).digest() for part in parts)
    return sha256(b"".join(digests)).hexdigest()


class Store:
    """Keeps entries of named bytes below the cache folder. The least recently used entries are evicted first.

    Args:
        name: The name of its folder.

    Raises:
        ToolchainError: See `cache_folder`.
        SparseMcuError: See `limit_bytes`.
    """

    def __init__(self, name: str) -> None:
        self._limit = limit_bytes()
        self._folder = cache_folder(name) if self._limit else Path()

    @property
    def is_on(self) -> bool:
        """Whether it keeps anything at all."""
        return self._limit > 0

    def get(self, key: str) -> dict[str, bytes] | None:
        """Returns the entry of that key; None if there is none, or if it is damaged."""
        if not self.is_on:
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            _log.debug("no entry %s", path)
            return None
        with suppress(OSError):  # a cache that cannot be written only loses the time of last use
            os.utime(path)
        digest, packed = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _digest(key, packed):
            _log.debug("damaged entry %s counts as missing", path)
            return None
        _log.debug("found entry %s", path)
        return _unpack(packed)

    def put(self, key: str, parts: Mapping[str, bytes]) -> None:
        """Keeps an entry. It does nothing if the place cannot be written."""
        if not self.is_on:
            return
        path, packed = self._path(key), _pack(parts)
        try:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, _digest(key, packed) + packed)
            _evict(path.parent, self._limit // _SHARDS)
        except (OSError, SparseMcuError):
            return

    def _path(self, key: str) -> Path:
        """Returns the file of a key. Its first digit is its shard, so eviction looks at a sixteenth of the files."""
        return self._folder / key[0] / key


def _digest(key: str, packed: bytes) -> bytes:
    return sha256(key.encode() + packed).digest()


def _pack(parts: Mapping[str, bytes]) -> bytes:
    header = json.dumps({name: len(data) for name, data in parts.items()}).encode()
    return zlib.compress(b"".join((len(header).to_bytes(_LENGTH_BYTES, "little"), header, *parts.values())), 1)


def _unpack(packed: bytes) -> dict[str, bytes]:
    content = zlib.decompress(packed)
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    sizes: dict[str, int] = json.loads(content[_LENGTH_BYTES:start])
    ends = accumulate(sizes.values(), initial=start)
    return {name: content[end : end + size] for (name, size), end in zip(sizes.items(), ends, strict=False)}


def _evict(folder: Path, limit: int) -> None:
    """Removes the files that were used longest ago, until the rest takes no more than `limit` bytes."""
    used = 0
    for _, size, path in sorted(_usage(folder.iterdir()), reverse=True):
        used += size
        if used > limit:
            path.unlink(missing_ok=True)


def _usage(paths: Iterable[Path]) -> Iterable[tuple[int, int, Path]]:
    """Yields the time of last use, the size and the path of each file. Other processes may remove files meanwhile."""
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield status.st_mtime_ns, status.st_size, path
