"""Bytes and cycles of two small networks on every board equal the golden files."""

import json
import shutil

import pytest

from sparse_mcu.benchmarks.golden import golden_file, measure
from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import all_boards
from sparse_mcu.simulation.toolchain import find_toolchain


@pytest.mark.parametrize("name", ["zig", "arm-none-eabi-gcc"])
def test_bytes_and_cycles_are_golden(name: str) -> None:
    if name == "arm-none-eabi-gcc" and shutil.which(name) is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    toolchain = find_toolchain(name)
    file = golden_file(toolchain)
    if not file.is_file():
        pytest.skip(
            f"no golden file for {toolchain.name} {toolchain.version}: "
            "make it with python -m sparse_mcu.benchmarks.golden"
        )
    assert measure(toolchain) == json.loads(file.read_text())


def test_golden_files_cover_every_board_and_network() -> None:
    expected = {network: {board.name for board in all_boards()} for network in NETWORKS}
    files = sorted(golden_file(find_toolchain("zig")).parent.glob("*.json"))
    assert files
    for file in files:
        golden = json.loads(file.read_text())
        assert {network: set(boards) for network, boards in golden.items()} == expected
