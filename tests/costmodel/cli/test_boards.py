"""The command `boards`."""

import json

import pytest
from click.testing import CliRunner

from sparse_mcu.costmodel.cli import main
from sparse_mcu.costmodel.cli.console import console


@pytest.mark.parametrize("width", [50, 80, 120])
def test_boards_are_named_in_full_however_narrow_the_terminal(width: int) -> None:
    with pytest.MonkeyPatch.context() as patch, console.capture() as capture:
        patch.setattr(console, "_width", width)
        CliRunner().invoke(main, ["boards"], standalone_mode=False)
    lines = capture.get().splitlines()
    assert any(line.startswith("│ nucleo-l4r5zi ") for line in lines)
    assert max(map(len, lines)) <= width
    assert any("STM32F103C8" in line for line in lines) == (width >= 100)


def test_boards_lists_what_the_design_promises() -> None:
    result = CliRunner().invoke(main, ["boards", "--json", "-"])
    boards = json.loads(result.stdout)["boards"]
    assert {"nucleo-l4r5zi", "microbit"} <= {board["name"] for board in boards}
    for board in boards:
        assert {"name", "core", "clock_hz", "ram_bytes", "flash_bytes"} <= board.keys()
