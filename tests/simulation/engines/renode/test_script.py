"""The monitor commands."""

import pytest

from simulation.engines.renode.script import path_token, run_command


@pytest.mark.parametrize(
    ("instructions", "seconds"),
    [(1, "0.000001"), (100, "0.000001"), (101, "0.000002"), (10_000_000, "0.100000"), (250_000_000, "2.500000")],
)
def test_time_is_never_too_short_for_the_instructions(instructions: int, seconds: str) -> None:
    assert run_command(instructions) == f'emulation RunFor "{seconds}"'


def test_spaces_in_paths_are_escaped() -> None:
    assert path_token("/a b/c") == r"@/a\ b/c"
