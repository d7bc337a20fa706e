"""Finding an engine by name."""

import subprocess
import sys

import pytest

from costmodel.errors import EngineError
from simulation.engines import ENGINES, find_engine


@pytest.mark.parametrize("name", ENGINES)
def test_each_engine_has_the_name_it_is_found_by(name: str) -> None:
    assert find_engine(name).name == name


def test_an_unknown_engine_suggests_the_nearest() -> None:
    with pytest.raises(EngineError, match=r"unknown engine 'unicron'.*Did you mean 'unicorn'"):
        find_engine("unicron")


def test_looking_at_the_engines_loads_none() -> None:
    code = "import sys, simulation.engines, simulation.engines.protocol; sys.exit('unicorn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own interpreter and code
