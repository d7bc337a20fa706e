"""Offers the part of the public API that needs no model."""

from sparse_mcu.costmodel.devices import all_boards
from sparse_mcu.costmodel.report import BoardInfo, BoardsReport


def boards() -> BoardsReport:
    """Returns the boards that come with the package, sorted by name, as `sparse-mcu boards --json` writes them."""
    return BoardsReport(
        boards=[
            BoardInfo(
                name=board.name,
                title=board.title,
                mcu=board.mcu,
                core=board.core.name,
                clock_hz=board.clock_hz,
                ram_bytes=board.ram.size_bytes,
                flash_bytes=board.flash.size_bytes,
                active_power_mw=board.active_power_mw,
                sources=board.sources,
            )
            for board in all_boards()
        ]
    )
