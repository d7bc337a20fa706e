"""The root command: exit codes and one-line errors."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sparse_mcu.costmodel.cli.root import EXIT_BROKEN_PIPE, CommandGroup, main
from sparse_mcu.costmodel.errors import SparseMcuError


def group_with(action: Callable[[], None]) -> CommandGroup:
    """A root group with one command, `act`."""

    class Root(CommandGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            del ctx, cmd_name
            return click.Command("act", callback=action)

    return Root("root")


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("analyze", "boards", "search", "simulate"):
        assert name in result.output


def test_an_expected_error_is_one_line_and_exit_code_2() -> None:
    def fail() -> None:
        raise SparseMcuError("bad thing", where="here", fix="Mend it.")

    result = CliRunner().invoke(group_with(fail), ["act"])
    assert result.exit_code == 2
    assert result.stderr == "Error: here: bad thing. Mend it.\n"


def test_ctrl_c_exits_with_130() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    result = CliRunner().invoke(group_with(interrupt), ["act"])
    assert result.exit_code == 130
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("wrong", "suggested"), [("analyse", " Did you mean 'analyze'?"), ("qqq", ""), ("boar", " Did you")]
)
def test_an_unknown_command_exits_with_2_and_a_suggestion(wrong: str, suggested: str) -> None:
    result = CliRunner().invoke(main, [wrong])
    assert result.exit_code == 2
    assert f"No such command {wrong!r}.{suggested}" in result.stderr
    assert ("Did you mean" in result.stderr) == bool(suggested)


def test_the_list_of_commands_is_not_cut_short() -> None:
    text = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    assert "..." not in text.split("Commands:")[1]


def test_an_error_of_the_system_is_one_line_too() -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    result = CliRunner().invoke(group_with(fail), ["act"])
    assert result.exit_code == 2
    assert result.stderr == "Error: /somewhere/file: No space left on device. Check disk and rights.\n"


SHOWING = [(), ("--json", "-")]
PROGRAM = (sys.executable, "-c", "from sparse_mcu.costmodel.cli import main; main()", "boards")


@pytest.mark.parametrize("arguments", SHOWING, ids=["table", "json"])
def test_a_broken_pipe_ends_quietly(arguments: tuple[str, ...]) -> None:
    """As under `| head`, but with the pipe broken before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    finished = subprocess.run([*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (finished.returncode, finished.stderr) == (EXIT_BROKEN_PIPE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", SHOWING, ids=["table", "json"])
def test_a_full_disk_is_one_line(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[0] == "Error: output: No space left on device. Check disk and rights."
    assert "Traceback" not in finished.stderr
