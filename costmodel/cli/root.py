"""The root group of the `sparse-mcu` command, and its exit codes.

Each package registers its commands under the entry point group `sparse_mcu.commands`. The root group loads a command
when the user asks for it, so this module imports no package above it, and `--help` stays fast.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from sparse_mcu.costmodel import __version__
from sparse_mcu.costmodel.errors import SparseMcuError, suggestion

EXIT_CHECK_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program that a broken pipe ended: 128 + SIGPIPE."""


class CommandGroup(click.Group):
    """Loads commands from entry points. Turns expected errors into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all installed commands."""
        del ctx
        return sorted(_registered())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads one command; returns None if there is no such command."""
        del ctx
        entry = _registered().get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds a command. The error for a misspelt name suggests the nearest known name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}.{suggestion(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Runs a command; see the exit codes in `main`'s help. A request to terminate ends it as Ctrl-C does."""
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
    """Turns a request to terminate into a KeyboardInterrupt; only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _drop_what_cannot_be_written() -> None:
    """Makes the interpreter's last flush of standard output succeed, since a failure would change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="sparse_mcu.commands")}


@click.group(cls=CommandGroup)
@click.version_option(__version__, prog_name="sparse-mcu")
def main() -> None:
    """What a neural network costs on a microcontroller, without hardware.

    Exit codes: 0 success, 1 a result that fails its check (a model that does not fit, outputs that
    differ), 2 an error that you can mend, in one line.
    """
