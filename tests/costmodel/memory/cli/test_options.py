"""The planner's levers as options."""

from dataclasses import fields, replace

import click
import pytest
from click.testing import CliRunner, Result

from sparse_mcu.costmodel.memory.cli.options import lever_name, memory_options
from sparse_mcu.costmodel.memory.model.levers import Levers, switches


@click.command()
@memory_options
@click.option("--other", default="x")
def command(*, levers: Levers, other: str) -> None:
    """Print what arrives."""
    click.echo(f"{other} {levers}")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_without_options_the_levers_are_the_defaults() -> None:
    assert run().stdout == f"x {Levers()}\n"


@pytest.mark.parametrize("name", switches())
def test_every_switch_can_be_turned(name: str) -> None:
    """A field that is added to `Levers` has its option without further work."""
    is_on = getattr(Levers(), name)
    arguments = ["--without", lever_name(name)] if is_on else [f"--{lever_name(name)}"]
    assert run(*arguments, "--other", "y").stdout == f"y {replace(Levers(), **{name: not is_on})}\n"


def test_every_lever_is_in_the_help() -> None:
    text = run("--help").stdout
    assert all(lever_name(field.name) in text for field in fields(Levers))


def test_several_are_left_off_at_once() -> None:
    for arguments in (["--without", "overlap, in-place"], ["--without", "overlap", "--without", "in-place"]):
        assert run(*arguments).stdout == f"x {Levers(overlap=False, in_place=False)}\n"


def test_recomputation_is_streaming() -> None:
    assert run("--max-recompute", "1.5").stdout == f"x {Levers(streaming=True, max_recompute=1.5)}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--without", "gravity"), "'gravity' is none of in-place, overlap, concat-views"),
        (("--without", "max-recompute"), "is none of"),
        (("--without", "in_place"), "Did you mean 'in-place'?"),
        (("--without", "stream"), "It is off unless asked for."),
        (("--max-recompute", "0.5"), "a number from 1 up"),
        (("--max-recompute", "nan"), "a number from 1 up"),
        (("--max-recompute", "inf"), "a number from 1 up"),
        (("--max-recompute", "much"), "not a valid float"),
    ],
)
def test_wrong_values_are_named(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
