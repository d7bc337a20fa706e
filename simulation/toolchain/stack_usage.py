"""The compiler's own account of stack frames (-fstack-usage)."""

from collections.abc import Mapping
from pathlib import Path

from costmodel.errors import ToolchainError


def read_stack_usage(path: Path) -> Mapping[str, int]:
    """Frame bytes by function from a .su file: `file:line[:column]:function<TAB>bytes<TAB>qualifiers`.

    Raises:
        ToolchainError: The file is missing, or a function's frame has no bound known at compile time.
    """
    frames: dict[str, int] = {}
    for line in _lines(path):
        place, size, qualifiers = line.split("\t")
        function = place.rpartition(":")[2]
        if "dynamic" in qualifiers and "bounded" not in qualifiers:
            raise ToolchainError(
                f"{function} has a stack frame of unbounded size",
                where=path.with_suffix(".c").name,
                fix="Give its local arrays a constant size.",
            )
        frames[function] = max(int(size), frames.get(function, 0))
    return frames


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ToolchainError(
            "the compiler wrote no stack usage file", where=path.name, fix="It must support -fstack-usage."
        ) from error
