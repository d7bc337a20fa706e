"""The platform description, as golden files."""

import dataclasses
from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.engines.renode.platform import mapped_bytes, platform_description

GOLDEN = Path(__file__).with_name("golden")
M4 = load_board("nucleo-l4r5zi")


@pytest.mark.parametrize(
    "name", ["microbit", "rp2040-pico", "bluepill", "nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q"]
)
def test_a_board_gives_this_platform(name: str) -> None:
    assert platform_description(load_board(name)) == (GOLDEN / f"{name}.repl").read_text()


def test_memories_are_rounded_up_to_pages() -> None:
    odd = dataclasses.replace(M4.ram, size_bytes=5000)
    assert mapped_bytes(odd) == 5120
    assert mapped_bytes(M4.ram) == M4.ram.size_bytes
    assert "size: 0x1400\n" in platform_description(dataclasses.replace(M4, ram=odd))


def test_an_unknown_core_is_refused_with_the_known_ones() -> None:
    strange = dataclasses.replace(M4, core=dataclasses.replace(M4.core, name="cortex-a9"))
    with pytest.raises(EngineError, match=r"no core 'cortex-a9'\. .*cortex-m0plus"):
        platform_description(strange)
