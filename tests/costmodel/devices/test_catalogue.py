"""The boards that come with the package, and those a user brings."""

import re
from pathlib import Path

import pytest

from sparse_mcu.costmodel.devices import all_boards, board_names, core_names, load_board, load_core
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import DataFileError, UnknownBoardError

# name: core, MHz, flash origin, flash KiB, RAM origin, RAM KiB
EXPECTED = {
    "bluepill": ("cortex-m3", 72, 0x08000000, 64, 0x20000000, 20),
    "microbit": ("cortex-m0", 16, 0x00000000, 256, 0x20000000, 16),
    "nrf52840-dk": ("cortex-m4", 64, 0x00000000, 1024, 0x20000000, 256),
    "nucleo-f446re": ("cortex-m4", 180, 0x08000000, 512, 0x20000000, 128),
    "nucleo-f746zg": ("cortex-m7", 216, 0x08000000, 1024, 0x20000000, 320),
    "nucleo-g0b1re": ("cortex-m0plus", 64, 0x08000000, 512, 0x20000000, 144),
    "nucleo-h743zi2": ("cortex-m7", 480, 0x08000000, 2048, 0x24000000, 512),
    "nucleo-l4r5zi": ("cortex-m4", 120, 0x08000000, 2048, 0x20000000, 640),
    "nucleo-u575zi-q": ("cortex-m33", 160, 0x08000000, 2048, 0x20000000, 768),
    "rp2040-pico": ("cortex-m0plus", 133, 0x10000000, 2048, 0x20000000, 264),
    "stm32f413h-disco": ("cortex-m4", 100, 0x08000000, 1536, 0x20000000, 320),
}
FIGURES = {"clock_hz", "active_power_mw", "flash.origin", "flash.size_bytes", "ram.origin", "ram.size_bytes"}
CITATION = re.compile(r"^(documented|measured|derived|recalled): \S.{10,}")
BOARD_FILE = Path(__file__).parents[3] / "costmodel" / "devices" / "boards" / "bluepill.toml"


def facts(board: Board) -> tuple[str, int, int, int, int, int]:
    flash, ram = board.flash, board.ram
    clock, rest = divmod(board.clock_hz, 1_000_000)
    assert rest == 0
    return (board.core.name, clock, flash.origin, flash.size_bytes // 1024, ram.origin, ram.size_bytes // 1024)


def test_every_board_is_known() -> None:
    assert board_names() == tuple(EXPECTED)
    assert [board.name for board in all_boards()] == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_board_says_what_its_datasheet_says(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert facts(board) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_figure_of_a_board_has_a_status_and_a_source(name: str) -> None:
    board = load_board(name)
    assert set(board.sources) == FIGURES
    for key, source in board.sources.items():
        assert CITATION.match(source), f"{key}: {source}"
    assert board.ram.source == board.sources["ram.size_bytes"]


def test_only_power_is_derived_from_other_figures() -> None:
    for board in all_boards():
        derived = {key for key, source in board.sources.items() if source.startswith("derived")}
        assert derived <= {"active_power_mw"}


@pytest.mark.parametrize(
    ("core", "architecture", "features"),
    [
        # has_dsp, has_fpu, has_hardware_divide, has_it_blocks
        ("cortex-m0", "armv6-m", (False, False, False, False)),
        ("cortex-m0plus", "armv6-m", (False, False, False, False)),
        ("cortex-m3", "armv7-m", (False, False, True, True)),
        ("cortex-m33", "armv8-m.main", (True, True, True, True)),
        ("cortex-m4", "armv7e-m", (True, True, True, True)),
        ("cortex-m7", "armv7e-m", (True, True, True, True)),
    ],
)
def test_cores(core: str, architecture: str, features: tuple[bool, bool, bool, bool]) -> None:
    found = load_core(core)
    assert found.architecture == architecture
    assert (found.has_dsp, found.has_fpu, found.has_hardware_divide, found.has_it_blocks) == features
    assert CITATION.match(found.source)
    assert core in core_names()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("nucleo-l4r5z", "nucleo-l4r5zi"), ("Bluepil", "bluepill"), ("pico", "rp2040-pico"), ("f746", "nucleo-f746zg")],
)
def test_an_unknown_board_suggests_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UnknownBoardError, match=f"unknown board '{typed}'.*{meant}.*sparse-mcu boards"):
        load_board(typed)


@pytest.mark.parametrize("typed", ["", "esp8266-zzzzzz", "../boards/bluepill", "bluepill\n"])
def test_what_is_no_board_at_all_is_refused(typed: str) -> None:
    with pytest.raises(UnknownBoardError, match="sparse-mcu boards"):
        load_board(typed)


def test_a_users_file_is_a_board(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(BOARD_FILE.read_text().replace('"bluepill"', '"mine"').replace("20_480", "10_240"))
    board = load_board(str(file))
    assert board.name == "mine"
    assert board.ram.size_bytes == 10_240
    assert board.core == load_board("bluepill").core


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("value = 20_480", 'value = "20 KB"', "ram.size_bytes.value"),
        ("value = 20_480", "value = 0", "ram.size_bytes.value"),
        ("value = 20_480", "value = 20480.5", "ram.size_bytes.value"),
        ("0x20000000", "0xFFFFFFF0", "ram"),
        ("0x20000000", "-4", "ram.origin.value"),
        ("value = 89.1", "value = -1.0", "active_power_mw.value"),
        ("value = 89.1", "value = nan", "active_power_mw.value"),
        ("value = 89.1", "value = inf", "active_power_mw.value"),
        ('status = "recalled"', 'status = "guessed"', "active_power_mw.status"),
        ('core = "cortex-m3"', 'core = "cortex-m9"', "core"),
        ('core = "cortex-m3"', "", "core"),
        ('mcu = "STM32F103C8"', 'mcu = "STM32F103C8"\ncolour = "blue"', "colour"),
        ('name = "bluepill"', 'name = "Blue Pill"', "name"),
    ],
)
def test_a_broken_board_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = BOARD_FILE.read_text()
    assert old in text
    file = tmp_path / "broken.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(DataFileError, match=f"broken.toml: key '{re.escape(key)}'"):
        load_board(str(file))


def test_a_figure_without_a_source_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "unsourced.toml"
    file.write_text(re.sub(r'(\[clock_hz\]\n.*\n.*\n)source = ".*"', r"\1", BOARD_FILE.read_text()))
    with pytest.raises(DataFileError, match=r"key 'clock_hz.source'"):
        load_board(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name = ", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (None, "No such file")],
)
def test_an_unreadable_board_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "bad.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataFileError, match=f"bad.toml: {message}"):
        load_board(str(file))


def test_a_folder_is_no_board_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(DataFileError, match=r"folder\.toml"):
        load_board(str(folder))
