"""Boards and cores as data files, each figure with its source."""

from sparse_mcu.costmodel.devices.catalogue import (
    all_boards,
    at_operating_point,
    board_names,
    core_names,
    load_board,
    load_core,
)

__all__ = ["all_boards", "at_operating_point", "board_names", "core_names", "load_board", "load_core"]
