"""What commands print: tables on the terminal, progress on standard error, and results as JSON."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from sparse_mcu.costmodel.files import write_atomically


class _Console(Console):
    """Passes a broken pipe on as an exception, so that the root group can end quietly."""

    def on_broken_pipe(self) -> None:
        """Raises what the base class turns into exit code 1, because 1 is our code for a failed check."""
        self.quiet = True
        raise BrokenPipeError


console = _Console()
"""Standard output, for results."""

progress_console = Console(stderr=True)
"""Standard error, for progress and warnings."""


def emit(result: BaseModel | dict[str, Any], json_target: str | None, show: Callable[[], None]) -> None:
    """Prints a result for people, and writes it as JSON where the user asked for that.

    Args:
        result: The record.
        json_target: A file; "-" prints JSON on standard output instead of calling `show`; None writes no JSON.
        show: Prints the result for people.

    Raises:
        SparseMcuError: The file cannot be written.
    """
    if json_target is not None:
        record = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        if json_target == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        write_atomically(Path(json_target), text)
    show()


def table(title: str, *columns: str) -> Table:
    """Returns an empty table in the project's style: the first column is left-aligned, the others right-aligned."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index == 0 else "right")
    return made
