"""The root command: exit codes, JSON, one-line errors."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from costmodel.cli import CommandGroup, emit, json_option, main
from costmodel.errors import SparseMcuError


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


def test_unknown_command_exits_with_2() -> None:
    assert CliRunner().invoke(main, ["analyse"]).exit_code == 2


@pytest.mark.parametrize("target", ["-", "file"])
def test_json_goes_to_standard_output_or_to_a_file(tmp_path: Path, target: str) -> None:
    @click.command()
    @json_option
    def command(json_target: str | None) -> None:
        emit({"answer": 42}, json_target, lambda: click.echo("table"))

    path = tmp_path / "out.json"
    result = CliRunner().invoke(command, ["--json", "-" if target == "-" else str(path)])
    if target == "-":
        assert json.loads(result.stdout) == {"answer": 42}
    else:
        assert result.stdout == "table\n"
        assert json.loads(path.read_text()) == {"answer": 42}


def test_boards_lists_what_the_design_promises() -> None:
    result = CliRunner().invoke(main, ["boards", "--json", "-"])
    boards = json.loads(result.stdout)["boards"]
    assert {"nucleo-l4r5zi", "microbit"} <= {board["name"] for board in boards}
    for board in boards:
        assert {"name", "core", "clock_hz", "ram_bytes", "flash_bytes"} <= board.keys()
