"""The command `boards`."""

import click

from sparse_mcu.costmodel.cli.console import console, emit, table
from sparse_mcu.costmodel.cli.options import examples, json_option
from sparse_mcu.costmodel.devices import all_boards
from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.report import SCHEMA_VERSION

_WIDE = 100  # columns; a narrower terminal has no room for the names of the chips


@click.command(short_help="List boards and cores.", epilog=examples("boards", "boards --json boards.json"))
@json_option
def boards(json_target: str | None) -> None:
    """List the boards and their cores, with the source of every figure in the JSON.

    A board of your own is a file like those in costmodel/devices/boards: give its path to --board.
    """
    found = all_boards()
    record = {"schema_version": SCHEMA_VERSION, "boards": [_record(board) for board in found]}
    emit(record, json_target, lambda: _show(found))


def _record(board: Board) -> dict[str, object]:
    return {
        "name": board.name,
        "title": board.title,
        "mcu": board.mcu,
        "core": board.core.name,
        "clock_hz": board.clock_hz,
        "ram_bytes": board.ram.size_bytes,
        "flash_bytes": board.flash.size_bytes,
        "active_power_mw": board.active_power_mw,
        "sources": board.sources,
    }


def _show(found: tuple[Board, ...]) -> None:
    chips = ["mcu"] if console.width >= _WIDE else []
    grid = table("Boards", "board", "core", "MHz", "RAM KiB", "flash KiB", "mW", *chips)
    grid.columns[0].no_wrap = True  # users type these names, so none is cut
    for board in found:
        sizes = (board.ram.size_bytes / 1024, board.flash.size_bytes / 1024)
        numbers = (board.clock_hz / 1e6, *sizes, board.active_power_mw)
        grid.add_row(
            board.name, board.core.name, *(f"{number:g}" for number in numbers), *([board.mcu] if chips else [])
        )
    console.print(grid)
