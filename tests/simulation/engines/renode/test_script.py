"""The monitor commands."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from renode_machine import TICKS_1_15, TICKS_1_16, interval_instructions

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.script import (
    INSTRUCTIONS_PER_SECOND,
    path_text,
    path_token,
    run_command,
)


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
    assert path_token(Path("/a b/c")) == r"@/a\ b/c"


@pytest.mark.parametrize("path", ['/a"b', "/a;b", "/a\\b", "/a\nb", "/a\tb", "/a'b", "/a`b", "/é"])
@pytest.mark.parametrize("say", [path_token, path_text])
def test_what_the_monitor_would_read_otherwise_is_refused(say: Callable[[Path], str], path: str) -> None:
    with pytest.raises(EngineError, match=r"cannot be told the path.*TMPDIR") as refused:
        say(Path(path))
    assert repr(path) in str(refused.value)
    assert "\n" not in str(refused.value)


PATHS = st.text(st.characters(codec="ascii"), min_size=1).map(lambda text: Path(f"/{text}"))


@given(path=PATHS)
def test_a_path_is_one_token_of_renodes_grammar_or_is_refused(path: Path) -> None:
    """The two expressions are those of Renode's Tokenizer.cs, and so is what its PathToken makes of it."""
    try:
        token, text = path_token(path), path_text(path)
    except EngineError:
        return
    match = re.match(r"@(?:(?!;)(?:(?:\\ )|\S))+", f"{token} 0x20000000")
    assert match is not None
    assert match[0].lstrip("@").replace(r"\ ", " ") == str(path)
    quoted = re.match(r'"[^"\\]*(?:\\.[^"\\]*)*"', f"{text} 4")
    assert quoted is not None
    assert quoted[0][1:-1] == str(path)
