"""Options that commands share: files to write, and `--json`."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sparse_mcu.costmodel.cli.console import emit
from sparse_mcu.costmodel.cli.options import OutputFile, json_option


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/out.svg", "there is no folder"),
        (".", "is a directory"),
        ("out.gif", "is none of .svg, .png"),
        ("out.SVG", ""),
    ],
)
def test_where_nothing_can_be_written_is_known_at_once(tmp_path: Path, name: str, message: str) -> None:
    @click.command()
    @click.option("--file", type=OutputFile() if name == "." else OutputFile(".svg", ".png"))
    def command(file: Path) -> None:
        click.echo(f"writing {file.name}")

    result = CliRunner().invoke(command, ["--file", str(tmp_path / name)])
    assert result.exit_code == (2 if message else 0)
    assert message in result.stderr
    assert ("writing out.SVG" in result.output) != bool(message)


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
