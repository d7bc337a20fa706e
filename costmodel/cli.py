"""The `sparse-mcu` command: the root group, and what all commands share.

Each package registers its commands under the entry point group `sparse_mcu.commands`; the root group
loads one when it is asked for, so nothing here imports the packages above, and `--help` stays fast.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import SparseMcuError, suggestion
from sparse_mcu.costmodel.files import write_atomically

EXIT_CHECK_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""As a shell has it for a program that a broken pipe ends: 128 + SIGPIPE."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _Console(Console):
    """Lets a broken pipe through, for the root group to end quietly."""

    def on_broken_pipe(self) -> None:
        """As the base class has it, but without its exit code, which is that of a failed check."""
        self.quiet = True
        raise BrokenPipeError


console = _Console()
progress_console = Console(stderr=True)


class CommandGroup(click.Group):
    """Loads commands from entry points, and turns expected errors into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all installed commands."""
        del ctx
        return sorted(_registered())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None where there is no such command."""
        del ctx
        entry = _registered().get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; one that is misspelt gets the nearest as a suggestion."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}.{suggestion(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run a command; see the exit codes in `main`'s help. A request to terminate ends it as Ctrl-C does."""
        try:
            with _termination_as_interrupt():
                return super().invoke(ctx)
        except SparseMcuError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(EXIT_USER_ERROR)
        except BrokenPipeError:
            _drop_what_cannot_be_written()
            ctx.exit(EXIT_BROKEN_PIPE)
        except OSError as error:
            where = error.filename if isinstance(error.filename, str) else "output"
            click.echo(f"Error: {where}: {error.strerror or error}. Check disk and rights.", err=True)
            _drop_what_cannot_be_written()
            ctx.exit(EXIT_USER_ERROR)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(EXIT_INTERRUPTED)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Inside, a request to terminate is a KeyboardInterrupt; other threads than the main one get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _drop_what_cannot_be_written() -> None:
    """Let the interpreter's last flush of standard output succeed: its failure would change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def examples(*lines: str) -> str:
    """Commands to try, as the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  sparse-mcu {line}" for line in lines)


class OutputFile(click.Path):
    """A file that a command writes at its end: that it can lie there is known before any work is done."""

    def __init__(self, *suffixes: str, allow_dash: bool = False) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=allow_dash, path_type=None if allow_dash else Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own signature
        """Refuse folders, files in folders that do not exist, and other suffixes than those that are known."""
        path = Path(value)
        if not (self.allow_dash and value == "-") and not path.parent.is_dir():
            self.fail(f"there is no folder {str(path.parent)!r} to write {path.name!r} into", param, ctx)
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            self.fail(f"{str(value)!r} is none of {', '.join(self.suffixes)}", param, ctx)
        return super().convert(value, param, ctx)


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="sparse_mcu.commands")}


@click.group(cls=CommandGroup)
@click.version_option(__version__, prog_name="sparse-mcu")
def main() -> None:
    """What a neural network costs on a microcontroller, without hardware.

    Exit codes: 0 success, 1 a result that fails its check (a model that does not fit, outputs that
    differ), 2 an error that you can mend, in one line.
    """


def json_option(command: Decorated) -> Decorated:
    """Add `--json FILE`; `-` prints JSON on standard output instead of the table."""
    return click.option(
        "--json",
        "json_target",
        metavar="FILE",
        type=OutputFile(allow_dash=True),
        help="Write the result as JSON; '-' prints it instead of the table.",
    )(command)


def emit(result: BaseModel | dict[str, Any], json_target: str | None, show: Callable[[], None]) -> None:
    """Give the result: as JSON to `json_target`, and for people by `show` unless JSON went to standard output.

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
    """A table in the house style: first column left, the others right."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index == 0 else "right")
    return made
