"""The options that say which data a command works on."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.search.cli.commands import search
from sparse_mcu.search.cli.options import dataset_options
from sparse_mcu.search.data.images import ImageOptions
from sparse_mcu.search.data.loaders import NAMES
from sparse_mcu.search.data.request import DataRequest

PAGE = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")


@click.command()
@dataset_options
def command(data: DataRequest) -> None:
    """Say what was asked for."""
    click.echo(repr(data))


def run(arguments: str) -> Result:
    return CliRunner().invoke(command, shlex.split(arguments))


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ("--dataset digits", DataRequest(name="digits")),
        ("--dataset mnist --data-dir a/b", DataRequest(name="mnist", folder=Path("a/b"))),
        ("--data a/b", DataRequest(name="folder", folder=Path("a/b"))),
        (
            "--data a --image-size 32x48 --colour grey --split-seed 3",
            DataRequest(
                name="folder", folder=Path("a"), images=ImageOptions(image_size=(32, 48), colour="grey", split_seed=3)
            ),
        ),
    ],
)
def test_options_become_a_request(arguments: str, request_: DataRequest) -> None:
    assert run(arguments).output.strip() == repr(request_)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Give either --dataset NAME or --data DIR"),
        ("--dataset digits --data a", "Give either --dataset NAME or --data DIR"),
        ("--data a --data-dir b", "--data-dir goes with --dataset"),
        ("--data a --image-size 32", "'32' is not HEIGHTxWIDTH, such as 32x32"),
        ("--data a --image-size 12345x1", "is not HEIGHTxWIDTH"),
        ("--data a --colour red", "'red' is not one of 'grey', 'rgb'"),
    ],
)
def test_mistakes_are_said(arguments: str, message: str) -> None:
    result = run(arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_size_that_is_none_is_an_error_of_ours() -> None:
    assert isinstance(run("--data a --image-size 0x4").exception, SparseMcuError)


def page_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.removeprefix("SPARSE_MCU_DATASETS=~/datasets ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("sparse-mcu search ")]


def test_the_page_about_datasets_shows_every_dataset_and_commands_that_parse() -> None:
    commands = page_commands()
    assert len(commands) >= 4
    for each in commands:
        assert search.make_context("search", shlex.split(each)[2:]).params["board"]
    assert {*re.findall(r"^\| `([a-z0-9-]+)`", PAGE, re.MULTILINE)} == {*NAMES}
