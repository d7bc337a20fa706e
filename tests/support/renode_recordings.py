"""Reads the recordings of a real Renode."""

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command that was sent to the monitor, and the raw bytes that came back before the next one."""

    sent: str
    received: bytes


def read_monitor(path: Path) -> list[Exchange]:
    """Returns the exchanges. ">>> " marks what was sent, which is nothing in the first one. Escapes are Python's."""
    exchanges: list[Exchange] = []
    for part in f">>> \n{path.read_text()}".split(">>> ")[1:]:
        sent, _, received = part.partition("\n")
        raw = received.replace("\n", "").replace("\\'", "'")
        exchanges.append(Exchange(sent, raw.encode().decode("unicode_escape").encode("latin-1")))
    return exchanges


def read_blocks(path: Path) -> list[tuple[int, int]]:
    """Returns the address and the number of instructions of each block."""
    return list(struct.iter_unpack("<II", path.read_bytes()))
