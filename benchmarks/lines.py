"""Keeps lines in a file that grows, for benchmarks that are stopped and continued."""

from collections.abc import Iterable
from pathlib import Path


class Lines:
    """A file to which lines are appended. It outlives `kill -9`: a torn last line is cut off.

    Attributes:
        kept: The lines that were there, without their ends.

    Args:
        path: The file. It is made with the first line. None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        text = path.read_bytes() if path is not None and path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        self.kept = whole.decode().split("\n")[:-1]
        if path is not None and whole != text:
            path.write_bytes(whole)

    def append(self, lines: Iterable[str]) -> None:
        """Writes lines to the end of the file in one step."""
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write("".join(f"{line}\n" for line in lines).encode())
