"""A core's timing table: one row per kind of instruction, each with its source, from costmodel/timing/cores.

Costs are written in cycles and held in half cycles, the finest step any table uses, so that all
pricing is exact integer arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from costmodel.devices.schema import Record, read_toml
from costmodel.errors import DataFileError, UnknownInstructionError

_FOLDER = files("costmodel.timing") / "cores"
HALVES = 2
"""Ticks of the pricing arithmetic in a cycle."""


def _whole_halves(cycles: float) -> float:
    if (cycles * HALVES) % 1:
        raise ValueError("must be a multiple of half a cycle")
    return cycles


Cycles = Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False), AfterValidator(_whole_halves)]


class RowFile(Record):
    """One row.

    Attributes:
        mnemonics: Capstone's names without condition, S and width suffixes; "str.reg" is `str` with a
            register in its address, "b.n" is `b` in 16 bits: the qualified row goes before the plain one.
        cycles: When the next instruction in memory follows.
        per_register: Added for each register of a register list.
        taken: Added when execution goes elsewhere.
        pipelined: Saved by a load in this table right after this load, unless it needs the result for its address.
        use_stall: Lost when the next instruction reads what this one loads.
        status: "documented" by the core's designer, "measured" by somebody, "inferred" otherwise.
        source: The document, and the range that the figure was picked from.
    """

    mnemonics: Annotated[list[str], Field(min_length=1)]
    cycles: Cycles
    per_register: Cycles = 0
    taken: Cycles = 0
    pipelined: Cycles = 0
    use_stall: Cycles = 0
    status: Literal["documented", "measured", "inferred"]
    source: Annotated[str, Field(min_length=1)]


class TableFile(Record):
    """costmodel/timing/cores/<core>.toml."""

    core: str
    model: str
    version: Annotated[int, Field(ge=1)]
    memory: Annotated[str, Field(min_length=1)]
    row: Annotated[list[RowFile], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Row:
    """A row in half cycles; the fields are those of `RowFile`."""

    half_cycles: int
    per_register: int
    taken: int
    pipelined: int
    use_stall: int


@dataclass(frozen=True, slots=True)
class TimingTable:
    """What each instruction of a core costs.

    Attributes:
        core: Name of the core.
        model: Name and version of the table, for reports.
        rows: By mnemonic, plain or qualified.
    """

    core: str
    model: str
    rows: Mapping[str, Row]

    def row(self, keys: tuple[str, ...], address: int) -> Row:
        """The row of the first of `keys` that has one.

        Raises:
            UnknownInstructionError: None has.
        """
        for key in keys:
            if key in self.rows:
                return self.rows[key]
        raise UnknownInstructionError(
            f"the timing table of {self.core} has no row for '{keys[-1]}'",
            where=f"0x{address:08x}",
            fix=f"Add it to costmodel/timing/cores/{self.core}.toml, with its source.",
        )


@cache
def load_table(core: str) -> TimingTable:
    """The timing table of the core of that name.

    Raises:
        DataFileError: There is none, or its file is broken, or a mnemonic has two rows.
    """
    path = _FOLDER / f"{core}.toml"
    file = read_toml(path, TableFile)
    if file.core != core:
        raise DataFileError(f"key 'core': '{file.core}' is not the file's name", where=str(path))
    rows: dict[str, Row] = {}
    for entry in file.row:
        row = _row(entry)
        for mnemonic in entry.mnemonics:
            if mnemonic in rows:
                raise DataFileError(f"key 'row': '{mnemonic}' has two rows", where=str(path), fix="Keep one of them.")
            rows[mnemonic] = row
    return TimingTable(core, f"{file.model} v{file.version} (estimate: {file.memory})", rows)


def _row(entry: RowFile) -> Row:
    costs = (entry.cycles, entry.per_register, entry.taken, entry.pipelined, entry.use_stall)
    return Row(*(int(cost * HALVES) for cost in costs))
