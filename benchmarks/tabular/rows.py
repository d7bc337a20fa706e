"""Defines a row of the table: one training of one network, and what the network costs on three cores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from sparse_mcu.benchmarks.lines import Lines
from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.records import Record
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import parse

BOARDS = ("microbit", "stm32f413h-disco", "nucleo-f746zg")
"""A board of each core whose costs are recorded: Cortex-M0, M4 and M7. The first one decides what enters the table."""

SHARES = (0.1, 0.25, 0.5, 0.75)
"""The shares of a training after which the error of the float network is recorded."""

_Share = Annotated[float, Field(ge=0, le=1)]
_Bytes = Annotated[int, Field(ge=0)]


class Costs(Record):
    """What a network costs on a board, by its memory plan.

    Attributes:
        arena_bytes: The arena, exactly.
        ram_bytes: All RAM. The stack is predicted.
        flash_bytes: All flash. The code is predicted.
        stored_bytes: Weights, biases and multipliers as stored, exactly.
        cycles: The cycles of one inference as the kernels' cost models predict them.
    """

    arena_bytes: _Bytes
    ram_bytes: _Bytes
    flash_bytes: _Bytes
    stored_bytes: _Bytes
    cycles: _Bytes


class Row(Record):
    """One training.

    Attributes:
        network: The configuration in its text form.
        seed: The seed of the training.
        early_errors: The error of the float network on the validation images after each of SHARES.
        float_error: The same at the end.
        error: The error of the int8 network, by the integer reference.
        seconds: CPU time of the training.
        weights: The number of weights.
        macs: The multiply-accumulates of an inference.
        costs: What the network costs on each of BOARDS.
    """

    network: str
    seed: Annotated[int, Field(ge=0)]
    early_errors: tuple[_Share, ...]
    float_error: _Share
    error: _Share
    seconds: Annotated[float, Field(ge=0)]
    weights: Annotated[int, Field(ge=1)]
    macs: Annotated[int, Field(ge=1)]
    costs: tuple[Costs, ...]

    @property
    def configuration(self) -> Configuration:
        """Returns the configuration that the text describes."""
        return parse(self.network)


class Log:
    """A file to which rows are appended, a line each.

    Args:
        path: The file. It is made if it does not exist.

    Raises:
        SparseMcuError: A line is no row.
    """

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path)
        try:
            self.rows = [Row.model_validate_json(line) for line in self._lines.kept]
        except ValueError as error:
            raise SparseMcuError(f"a line is no row of the table: {error}", where=str(path)) from error

    def append(self, rows: Sequence[Row]) -> None:
        """Writes rows to the end of the file."""
        self._lines.append(row.model_dump_json() for row in rows)
        self.rows.extend(rows)
