"""The docs are true: what they name exists, what they show runs."""

import re
import shlex
from pathlib import Path

import cli_reference
import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.devices import board_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_command_reference_is_what_the_commands_say() -> None:
    renew = "run python tests/support/cli_reference.py"
    assert cli_reference.TARGET.read_text(encoding="utf-8") == cli_reference.reference(), renew


@pytest.mark.parametrize("text", [README, ARCHITECTURE], ids=["README", "architecture"])
def test_every_file_and_folder_that_is_named_exists(text: str) -> None:
    named = re.findall(r"`((?:costmodel|simulation|search|benchmarks|tests|docs)/[^`\s]*)`", text)
    named += re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert len(named) > 5
    missing = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert missing == []


# Each is being rewritten; the mark goes with its long lines.
UNWRAPPED = {"README.md", "docs/architecture.md", "docs/memory.md"}
PAGES = [
    pytest.param(name, marks=pytest.mark.xfail(reason="has long lines") if name in UNWRAPPED else [])
    for name in ["README.md", *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md")))]
]


def long_lines(file: Path, *, tables: bool) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if len(line) > 120 and (tables or not line.startswith("|"))]


@pytest.mark.parametrize("name", PAGES)
def test_no_line_is_longer_than_a_line_of_code(name: str) -> None:
    """A row of a table cannot be broken; only docs/ has such wide ones."""
    assert long_lines(ROOT / name, tables=name == "README.md") == []


def test_every_board_is_in_the_changelog_or_readme_count() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    words = {11: "eleven", 12: "twelve", 13: "thirteen"}
    assert f"{words[len(board_names())]} boards" in changelog


def readme_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("sparse-mcu ")]


def test_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_network("plain", tmp_path).rename(tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    commands = readme_commands()
    assert {shlex.split(command)[1] for command in commands} >= {"boards", "analyze", "simulate", "search"}
    for command in commands:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "search":  # parsed whole, run short
            arguments += ["--trials", "1"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, f"{command}\n{result.output}"


def test_the_two_commands_name_environments_of_tox() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    environments = re.findall(r"tox run -e (\w+)", README)
    assert {"quickstart", "tests", "lint", "slow", "bench"} <= set(environments)
    for name in environments:
        assert name == "tests" or f"[testenv:{name}]" in tox
