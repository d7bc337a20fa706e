"""The command `boards`."""

import click

from sparse_mcu.costmodel import api
from sparse_mcu.costmodel.cli.console import console, emit, table
from sparse_mcu.costmodel.cli.options import examples, json_option
from sparse_mcu.costmodel.report import BoardsReport

_WIDE = 100  # columns; a narrower terminal has no room for the names of the chips


@click.command(short_help="List boards and cores.", epilog=examples("boards", "boards --json boards.json"))
@json_option
def boards(json_target: str | None) -> None:
    """List the boards and their cores, with the source of every figure in the JSON.

    A board of your own is a file like those in costmodel/devices/boards: give its path to --board.
    """
    report = api.boards()
    emit(report, json_target, lambda: _show(report))


def _show(report: BoardsReport) -> None:
    chips = ["mcu"] if console.width >= _WIDE else []
    grid = table("Boards", "board", "core", "MHz", "RAM KiB", "flash KiB", "mW", *chips)
    grid.columns[0].no_wrap = True  # users type these names, so none is cut
    for board in report.boards:
        sizes = (board.ram_bytes / 1024, board.flash_bytes / 1024)
        numbers = (board.clock_hz / 1e6, *sizes, board.active_power_mw)
        grid.add_row(board.name, board.core, *(f"{number:g}" for number in numbers), *([board.mcu] if chips else []))
    console.print(grid)
