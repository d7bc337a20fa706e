"""The recordings of a real Renode, read."""

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent to the monitor and the raw bytes that came back until the next command."""

    sent: str
    received: bytes


def read_monitor(path: Path) -> list[Exchange]:
    """The exchanges; the first has nothing sent. ">>> " marks what was sent, escapes are Python's."""
    exchanges: list[Exchange] = []
    for part in f">>> \n{path.read_text()}".split(">>> ")[1:]:
        sent, _, received = part.partition("\n")
        raw = received.replace("\n", "").replace("\\'", "'")
        exchanges.append(Exchange(sent, raw.encode().decode("unicode_escape").encode("latin-1")))
    return exchanges


def read_blocks(path: Path) -> list[tuple[int, int]]:
    """Address and number of instructions of each block."""
    return list(struct.iter_unpack("<II", path.read_bytes()))
