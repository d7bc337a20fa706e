"""Options and help that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def examples(*lines: str) -> str:
    """Returns the end of a command's help: commands to try.

    Args:
        lines: Arguments of `sparse-mcu`, one command each.
    """
    return "\b\nExamples:\n" + "\n".join(f"  sparse-mcu {line}" for line in lines)


class OutputFile(click.Path):
    """A file that a command writes at its end. Click checks the path before the command does any work.

    Args:
        suffixes: The suffixes that the command can write; any, if none is given.
        allow_dash: Whether "-" stands for standard output.
    """

    def __init__(self, *suffixes: str, allow_dash: bool = False) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=allow_dash, path_type=None if allow_dash else Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Refuses folders, files in folders that do not exist, and unknown suffixes."""
        path = Path(value)
        if not (self.allow_dash and value == "-") and not path.parent.is_dir():
            self.fail(f"there is no folder {str(path.parent)!r} to write {path.name!r} into", param, ctx)
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            self.fail(f"{str(value)!r} is none of {', '.join(self.suffixes)}", param, ctx)
        return super().convert(value, param, ctx)


def json_option(command: Decorated) -> Decorated:
    """Adds `--json FILE` to a command; `-` prints JSON on standard output instead of the table."""
    return click.option(
        "--json",
        "json_target",
        metavar="FILE",
        type=OutputFile(allow_dash=True),
        help="Write the result as JSON; '-' prints it instead of the table.",
    )(command)
