"""Finds boards and cores. Each is one TOML file: ours lie in boards/ and cores/, a user's board lies anywhere.

To add a board, add one file to boards/. To add a core, add one file to cores/ and one to costmodel/timing/cores/.
"""

import difflib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Literal

from sparse_mcu.costmodel.devices.schema import BoardFile, CoreFile, Figure, RegionFile, read_toml
from sparse_mcu.costmodel.devices.types import Board, Core, MemoryRegion
from sparse_mcu.costmodel.errors import DataFileError, UnknownBoardError

_FOLDER = files("sparse_mcu.costmodel.devices")
_SUFFIX = ".toml"


def board_names() -> tuple[str, ...]:
    """Returns the names of the boards that come with the package, sorted."""
    return _names("boards")


def core_names() -> tuple[str, ...]:
    """Returns the names of the cores, sorted."""
    return _names("cores")


def all_boards() -> tuple[Board, ...]:
    """Returns every board that comes with the package, sorted by name."""
    return tuple(load_board(name) for name in board_names())


@cache
def load_core(name: str) -> Core:
    """Returns the core of that name.

    Raises:
        DataFileError: There is no such core, or its file is broken.
    """
    if name not in core_names():
        known = ", ".join(core_names())
        raise DataFileError(
            f"unknown core '{name}'", fix=f"Use one of {known}, or add costmodel/devices/cores/{name}.toml."
        )
    file = read_toml(_FOLDER / "cores" / f"{name}{_SUFFIX}", CoreFile)
    return Core(**file.model_dump(exclude={"status", "source"}), source=file.cite())


def load_board(name: str | PathLike[str]) -> Board:
    """Returns a board, by the name of one of ours or by the path of a user's file.

    Args:
        name: The name, a path, or a text that ends in ".toml".

    Raises:
        UnknownBoardError: No board has that name; the message suggests the nearest.
        DataFileError: The board's file is missing or broken; the message names file and key.
    """
    if isinstance(name, PathLike) or name.endswith(_SUFFIX):
        return _read_board(Path(name))
    if name not in board_names():
        raise UnknownBoardError(
            f"unknown board '{name}'",
            fix=f"{_suggest(name)}List them with `sparse-mcu boards`, or give the path of a board file (.toml).",
        )
    return _read_board(_FOLDER / "boards" / f"{name}{_SUFFIX}")


def at_operating_point(
    board: Board, *, clock_hz: int | None = None, wait_states: int | None = None, memory: str | None = None
) -> Board:
    """Returns a board with another clock, wait states or memory system; None leaves what the board has.

    Power is scaled with the clock.

    Args:
        board: The board.
        clock_hz: The clock.
        wait_states: Wait states of the flash; without them, the memory system knows those of the clock.
        memory: The name of a memory system; "zero-wait-states" for a core that never waits.
    """
    sources, power = dict(board.sources), board.active_power_mw
    if clock_hz is not None and clock_hz != board.clock_hz:
        power *= clock_hz / board.clock_hz
        known = sources.get("active_power_mw", "")
        sources["active_power_mw"] = f"inferred: scaled with the clock from {board.clock_hz} Hz; {known}"
        sources["clock_hz"] = "inferred: chosen by the user"
    return replace(
        board,
        clock_hz=clock_hz or board.clock_hz,
        wait_states=board.wait_states if wait_states is None else wait_states,
        memory_system=memory or board.memory_system,
        active_power_mw=power,
        sources=sources,
    )


def _names(folder: str) -> tuple[str, ...]:
    entries = (_FOLDER / folder).iterdir()
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX)))


def _suggest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), board_names(), n=3, cutoff=0.4)
    near += [known for known in board_names() if name and name.lower() in known and known not in near]
    return f"Did you mean {' or '.join(near[:3])}? " if near else ""


def _read_board(path: Traversable | Path) -> Board:
    file = read_toml(path, BoardFile)
    try:
        core = load_core(file.core)
    except DataFileError as error:
        raise DataFileError(f"key 'core': {error.what}", where=str(path), fix=error.fix) from error
    figures: dict[str, Figure[int] | Figure[float]] = {
        "clock_hz": file.clock_hz,
        "active_power_mw": file.active_power_mw,
        "flash.origin": file.flash.origin,
        "flash.size_bytes": file.flash.size_bytes,
        "ram.origin": file.ram.origin,
        "ram.size_bytes": file.ram.size_bytes,
    }
    return Board(
        name=file.name,
        title=file.title,
        mcu=file.mcu,
        core=core,
        clock_hz=file.clock_hz.value,
        flash=_region("flash", file.flash, path),
        ram=_region("ram", file.ram, path),
        active_power_mw=file.active_power_mw.value,
        sources={key: figure.cite() for key, figure in figures.items()},
        memory_system=file.memory_system,
    )


def _region(name: Literal["flash", "ram"], region: RegionFile, path: Traversable | Path) -> MemoryRegion:
    if region.origin.value + region.size_bytes.value > 2**32:
        raise DataFileError(f"key '{name}': origin + size_bytes is past the 32-bit address space", where=str(path))
    return MemoryRegion(name, region.origin.value, region.size_bytes.value, region.size_bytes.cite())
