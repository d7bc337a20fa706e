"""Commands of this package: `boards`."""

import click

from costmodel.cli import console, emit, json_option, table
from costmodel.devices import all_boards
from costmodel.devices.types import Board
from costmodel.report import SCHEMA_VERSION


@click.command()
@json_option
def boards(json_target: str | None) -> None:
    """List the boards and their cores, with the source of every figure in the JSON."""
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
    grid = table("Boards", "board", "core", "MHz", "RAM KiB", "flash KiB", "mW", "mcu")
    for board in found:
        grid.add_row(
            board.name,
            board.core.name,
            f"{board.clock_hz / 1e6:g}",
            f"{board.ram.size_bytes / 1024:g}",
            f"{board.flash.size_bytes / 1024:g}",
            f"{board.active_power_mw:g}",
            board.mcu,
        )
    console.print(grid)
