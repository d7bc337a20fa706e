"""Reads the compiler's own report of stack frames (-fstack-usage)."""

from collections.abc import Mapping
from pathlib import Path

from sparse_mcu.costmodel.errors import ToolchainError


def read_stack_usage(path: Path) -> Mapping[str, int]:
    """Returns frame bytes by function from a .su file: `file:line[:column]:function<TAB>bytes<TAB>qualifiers`.

    Raises:
        ToolchainError: A function's frame has no bound known at compile time.
    """
    if not path.exists():  # clang writes no .su file for a source without functions
        return {}
    frames: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
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
