"""Byte accounts: hand-made sections, exact sums."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryPlan
from sparse_mcu.simulation.analysis import accounting
from sparse_mcu.simulation.binary.image import FirmwareImage, Section
from sparse_mcu.simulation.firmware.source import Constant, FirmwareSource

RAM, FLASH = 0x20000000, 0x08000000


def section(name: str, address: int, size: int, *, loaded_at: int | None = None) -> Section:
    data = b"" if loaded_at is None else bytes(size)
    writable = name in {".data", ".bss", ".arena"}  # as lld marks them: not the stack
    return Section(name, address, loaded_at or address, size, data, name == ".text", writable)


@pytest.fixture
def board() -> Board:
    return load_board("nucleo-l4r5zi")


@pytest.fixture
def image() -> FirmwareImage:
    sections = [
        section(".vectors", FLASH, 64, loaded_at=FLASH),
        section(".text", FLASH + 64, 102, loaded_at=FLASH + 64),
        section(".weights", FLASH + 168, 40, loaded_at=FLASH + 168),
        section(".constants", FLASH + 208, 8, loaded_at=FLASH + 208),
        section(".stack", RAM, 48),
        section(".data", RAM + 48, 4, loaded_at=FLASH + 216),
        section(".bss", RAM + 52, 6),
        section(".arena", RAM + 60, 100),
    ]
    return FirmwareImage(Path("f.elf"), "0" * 64, "gcc", "12", {s.name: s for s in sections}, {}, {})


@pytest.fixture
def source() -> FirmwareSource:
    buffers = (Buffer("x", 60, -1, 1), Buffer("y", 40, 0, 2))
    plan = MemoryPlan(("conv",), buffers, {"x": 0, "y": 60}, 100, "conv", 100, 100)
    constants = (
        Constant("conv_weights", np.zeros(40, np.int8), "weights"),
        Constant("conv_bias", np.zeros(2, np.int32), "constants"),
    )
    return FirmwareSource({}, (), constants, plan, 40, 8, 64, 10)


def test_ram_is_every_section_and_the_gaps(image: FirmwareImage, board: Board) -> None:
    ram = accounting.linked_ram(image, board)
    assert (ram.total_bytes, ram.arena_bytes, ram.static_bytes, ram.stack_bytes, ram.padding_bytes) == (
        160,
        100,
        10,
        48,
        2,
    )


def test_flash_is_every_section_and_the_gaps(image: FirmwareImage, board: Board) -> None:
    flash = accounting.linked_flash(image, board)
    assert flash.total_bytes == 220
    parts = (flash.vectors_bytes, flash.code_bytes, flash.weights_bytes, flash.constants_bytes, flash.data_bytes)
    assert parts == (64, 102, 40, 8, 4)
    assert flash.padding_bytes == 2


def test_a_prediction_that_holds_is_silent(source: FirmwareSource, image: FirmwareImage, board: Board) -> None:
    accounting.check_prediction(source, image, board)


@pytest.mark.parametrize("field", ["weights_bytes", "constants_bytes", "vectors_bytes", "static_bytes"])
def test_a_prediction_that_is_a_byte_off_is_refused(
    source: FirmwareSource, image: FirmwareImage, board: Board, field: str
) -> None:
    with pytest.raises(ToolchainError, match="was predicted to take"):
        accounting.check_prediction(replace(source, **{field: getattr(source, field) + 1}), image, board)


def test_an_arena_that_is_a_byte_off_is_refused(source: FirmwareSource, image: FirmwareImage, board: Board) -> None:
    plan = replace(source.plan, arena_bytes=101)
    with pytest.raises(ToolchainError, match=r"\.arena was predicted to take 101 bytes, but gcc linked 100"):
        accounting.check_prediction(replace(source, plan=plan), image, board)


def test_what_fits_has_no_shortfall(source: FirmwareSource, image: FirmwareImage, board: Board) -> None:
    ram, flash = accounting.linked_ram(image, board), accounting.linked_flash(image, board)
    assert accounting.shortfalls(source, ram, flash) == []


def test_shortfalls_say_by_how_much_and_because_of_what(
    source: FirmwareSource, image: FirmwareImage, board: Board
) -> None:
    small = replace(board, ram=replace(board.ram, size_bytes=159), flash=replace(board.flash, size_bytes=200))
    ram, flash = accounting.linked_ram(image, small), accounting.linked_flash(image, small)
    missing_ram, missing_flash = accounting.shortfalls(source, ram, flash)
    assert (missing_ram.memory, missing_ram.excess_bytes) == ("ram", 1)
    assert [(item.name, item.size_bytes) for item in missing_ram.items] == [
        ("x", 60), ("(stack)", 48), ("y", 40), ("(static data)", 10),
    ]  # fmt: skip
    assert (missing_flash.memory, missing_flash.excess_bytes) == ("flash", 20)
    assert [item.name for item in missing_flash.items] == ["(code)", "conv_weights", "conv_bias"]


def test_without_a_build_what_is_known_decides_what_it_can(source: FirmwareSource, board: Board) -> None:
    small = replace(board, ram=replace(board.ram, size_bytes=109))
    ram, flash = accounting.predicted_ram(source, small), accounting.predicted_flash(source, small)
    assert ram.total_bytes is None
    assert flash.total_bytes is None
    (missing,) = accounting.shortfalls(source, ram, flash)
    assert (missing.memory, missing.excess_bytes) == ("ram", 1)
