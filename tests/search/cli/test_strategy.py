"""The options of the strategy: what they read, and what they refuse."""

import click
import pytest
from click.testing import CliRunner

from sparse_mcu.search.cli.strategy import strategy_options
from sparse_mcu.search.strategies.names import DEFAULT, StrategyChoice


@click.command()
@strategy_options
def tell(strategy: StrategyChoice) -> None:
    """Print what was chosen."""
    click.echo(f"{strategy.name} {dict(strategy.parameters)} {dict(strategy.preferences)}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), f"{DEFAULT} {{}} {{}}"),
        (("--strategy", "tpe", "--set", "initial=12"), "tpe {'initial': '12'} {}"),
        (
            ("--prefer", "ram_bytes=2", "--prefer", "error=1:3"),
            f"{DEFAULT} {{}} {{'ram_bytes': (2.0, 2.0), 'error': (1.0, 3.0)}}",
        ),
    ],
)
def test_what_is_read(arguments: tuple[str, ...], expected: str) -> None:
    assert CliRunner().invoke(tell, arguments).output.strip() == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy", "best"), "'best' is not one of"),
        (("--set", "initial"), "is not NAME=VALUE"),
        (("--prefer", "ram=2"), "'ram' is no objective"),
        (("--prefer", "error"), "is not NAME=WEIGHT"),
        (("--prefer", "error=much"), "is not NAME=WEIGHT"),
        (("--prefer", "error=0"), "weights are above 0"),
        (("--prefer", "error=3:1"), "the least one comes first"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(tell, arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())
