"""The docs are true: what they name exists, what they show runs."""

import re
import shlex
import shutil
from pathlib import Path

import cli_reference
import pytest
from click.testing import CliRunner

from sparse_mcu.benchmarks.networks import write_network
from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.cli.console import console
from sparse_mcu.costmodel.devices import board_names
from sparse_mcu.simulation.toolchain import find_toolchain

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmarks", "costmodel", "search", "simulation")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_command_reference_is_what_the_commands_say() -> None:
    renew = "run python tests/support/cli_reference.py"
    assert cli_reference.TARGET.read_text(encoding="utf-8") == cli_reference.reference(), renew


NAMING = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/search.md"]


@pytest.mark.parametrize("page", NAMING)
def test_every_file_and_folder_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:costmodel|simulation|search|benchmarks|tests|docs)/[^`\s]*)`", text)
    linked = [(ROOT / page).parent / name for name in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    assert named
    missing = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert missing + [str(path) for path in linked if not path.exists()] == []


PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md"))),
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


SHORT = {"search": ["--trials", "1"], "train": ["--epochs", "1"]}
"""What makes the run of a command short. Its line in the README is parsed whole."""


def readme_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("sparse-mcu ")]


def test_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_network("plain", tmp_path).rename(tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    commands = readme_commands()
    assert {shlex.split(command)[1] for command in commands} >= {"boards", "analyze", "simulate", "search", "train"}
    for command in commands:
        arguments = shlex.split(command)[1:]
        arguments += SHORT.get(arguments[0], [])
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, f"{command}\n{result.output}"


def test_the_two_commands_name_environments_of_tox() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    environments = re.findall(r"tox run -e (\w+)", README + CONTRIBUTING)
    assert {"quickstart", "tests", "lint", "slow", "bench"} <= set(environments)
    for name in environments:
        assert name == "tests" or f"[testenv:{name}]" in tox


def rooms_of_the_tree() -> set[str]:
    """The folders that the tree in docs/architecture.md draws, as paths from the root."""
    tree = ARCHITECTURE.split("## The rooms")[1].split("```")[1]
    rooms: set[str] = set()
    path: list[str] = []
    for line in tree.splitlines():
        if found := re.match(r"([│├└─ ]*)(\w+)/ ", line):
            path = [*path[: len(found[1]) // 4], found[2]]
            rooms.add("/".join(path))
    return rooms


def test_the_tree_shows_every_room_and_no_other() -> None:
    packages = (file.parent for top in PACKAGES for file in (ROOT / top).rglob("__init__.py"))
    rooms = {package.relative_to(ROOT).as_posix() for package in packages}
    assert rooms_of_the_tree() == rooms | {"sparse_mcu", "simulation/firmware/templates", "search/space/spaces"}


def test_the_glossary_is_in_order_and_names_what_the_code_names() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| ", ARCHITECTURE.split("## Glossary")[1].split("##")[0], re.MULTILINE)
    words = [word for word in rows if word != "word"]
    assert words == sorted(words)
    assert len(words) >= 30
    sources = " ".join(file.read_text("utf-8").lower() for top in PACKAGES for file in (ROOT / top).rglob("*.py"))
    assert [word for word in words if word not in sources.replace("_", " ")] == []


def test_the_readme_shows_what_the_commands_print(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the first screen, in their order; "..." stands for lines that are left out."""
    shown = README.split("```\n$ ")[1].split("\n```")[0]
    if find_toolchain().version.split()[0] not in shown:
        pytest.skip("the README shows another compiler's figures")
    shutil.copyfile(shared_data / "models" / "mlperf__kws_ref_model.onnx", tmp_path / "kws.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "width", 100)
    for session in shown.split("\n$ "):
        command, *expected = session.splitlines()
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        printed = iter(line.rstrip() for line in result.stdout.splitlines())
        for line in expected:
            assert not line or line == "..." or any(line == each for each in printed), line
