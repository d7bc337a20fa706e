"""Bytes and cycles of two small networks on every core equal the golden files."""

from pathlib import Path

import pytest
from firmware_builds import target_toolchains
from needed import missing, need
from small_networks import lowered_network

from sparse_mcu.benchmarks.golden import FOLDER, boards_by_core, golden_file, measure, read_golden
from sparse_mcu.benchmarks.networks import NETWORKS
from sparse_mcu.costmodel.devices import all_boards, core_names
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.simulation.toolchain import FINDERS, arm_gcc, find_toolchain

RENEW = "make it with python -m sparse_mcu.benchmarks.golden"


@pytest.mark.parametrize("core", core_names())
@pytest.mark.parametrize("name", FINDERS)
def test_bytes_and_cycles_are_golden(name: str, core: str) -> None:
    if name == arm_gcc.NAME:
        need(name)
    toolchain = find_toolchain(name)
    file = golden_file(toolchain)
    if not file.is_file():
        pytest.skip(f"no golden file {file.name}: {RENEW}")
    assert measure(boards_by_core()[core], toolchain) == [line for line in read_golden(file) if line.core == core]


def test_a_compiler_that_is_here_has_golden_figures() -> None:
    """Otherwise the test above would vanish with the next version of a compiler."""
    files = [golden_file(find_toolchain(name)) for name in target_toolchains()]
    if not any(file.is_file() for file in files):
        missing(f"none of {', '.join(file.name for file in files)}: {RENEW}")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.csv")), ids=lambda file: file.stem)
def test_golden_files_cover_every_core_and_network(file: Path) -> None:
    lines = read_golden(file)
    assert [(line.network, line.core) for line in lines] == [(name, core) for core in core_names() for name in NETWORKS]
    assert {line.compiler for line in lines} == {file.stem}


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.name)
@pytest.mark.parametrize("network", NETWORKS)
def test_boards_of_a_core_get_the_same_firmware_in_other_memories(network: str, board: Board) -> None:
    """So the figures of one board of each core hold for all boards."""
    names = (board.name, boards_by_core()[board.core.name].name)
    here, there = (lowered_network(network, name).source for name in names)
    assert here.plan == there.plan
    assert here.plan.arena_bytes < board.ram.size_bytes
    differing = {name for name in here.files if here.files[name] != there.files.get(name)}
    assert here.files.keys() == there.files.keys()
    assert differing <= {"firmware.ld"}
