"""The monitor commands."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from renode_machine import TICKS_1_15, TICKS_1_16, interval_instructions

from sparse_mcu.simulation.engines.renode.script import INSTRUCTIONS_PER_SECOND, path_token, run_command


@pytest.mark.parametrize(
    ("instructions", "seconds"),
    [(1, "0.0000015"), (100, "0.0000015"), (101, "0.0000025"), (10_000_000, "0.1000005"), (250_000_000, "2.5000005")],
)
def test_time_is_in_whole_microseconds_and_a_half(instructions: int, seconds: str) -> None:
    assert run_command(instructions) == f'emulation RunFor "{seconds}"'


@pytest.mark.parametrize("ticks", [TICKS_1_15, TICKS_1_16])
@given(instructions=st.integers(1, 3 * INSTRUCTIONS_PER_SECOND))
@example(instructions=24_900)  # 249 us, which Renode 1.15 reads as 248 from six digits
def test_time_is_never_too_short_for_the_instructions(ticks: int, instructions: int) -> None:
    granted = interval_instructions(run_command(instructions).split('"')[1], ticks)
    assert instructions <= granted <= instructions + 2 * INSTRUCTIONS_PER_SECOND // 1_000_000


def test_spaces_in_paths_are_escaped() -> None:
    assert path_token("/a b/c") == r"@/a\ b/c"
