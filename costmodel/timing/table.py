"""A core's timing table: one row per kind of instruction, each with its source, from costmodel/timing/cores."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.devices.schema import read_toml
from sparse_mcu.costmodel.errors import DataFileError, UnknownInstructionError
from sparse_mcu.costmodel.records import FileRecord

_FOLDER = files("sparse_mcu.costmodel.timing") / "cores"

Cycles = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class RowFile(FileRecord):
    """One row.

    Attributes:
        mnemonics: Capstone's names without condition, S and width suffixes; "str.reg" is `str` with a
            register in its address, "b.n" is `b` in 16 bits: the qualified row goes before the plain one.
        cycles: When the next instruction in memory follows; a register list comes on top.
        registers_per_cycle: How fast a register list is transferred.
        taken: Added when execution goes elsewhere.
        loop_exit: Added when a direct branch backwards falls through: the misprediction that ends a loop.
        pipelined: Saved by a load in this table right after this load, unless it needs the result for its address.
        use_stall: Lost when the next instruction needs what this one loads.
        unit: Where it executes, if the core may issue it together with a neighbour; a key of `dual_issue`.
        status: "documented" by the core's designer, "measured" by somebody, "inferred" otherwise.
        source: The document, and the range that the figure was picked from.
    """

    mnemonics: Annotated[list[str], Field(min_length=1)]
    cycles: Cycles
    registers_per_cycle: Count = 1
    taken: Cycles = 0
    loop_exit: Cycles = 0
    pipelined: Cycles = 0
    use_stall: Cycles = 0
    unit: str = ""
    status: Literal["documented", "measured", "inferred"]
    source: Annotated[str, Field(min_length=1)]


class TableFile(FileRecord):
    """costmodel/timing/cores/<core>.toml.

    Attributes:
        core: The file's name.
        model: Name of the table, for reports.
        version: Counted up whenever a figure changes.
        memory: The memory system that the figures assume.
        dual_issue: How many instructions each unit takes in a cycle, on a core that issues two; else empty.
        row: The rows.
    """

    core: str
    model: str
    version: Count
    memory: Annotated[str, Field(min_length=1)]
    dual_issue: Annotated[dict[str, Count], Field(default_factory=dict)]
    row: Annotated[list[RowFile], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class TimingTable:
    """What each instruction of a core costs.

    Attributes:
        core: Name of the core.
        model: Name and version of the table, and that it is an estimate, for reports.
        rows: By mnemonic, plain or qualified.
        dual_issue: See `TableFile`.
    """

    core: str
    model: str
    rows: Mapping[str, RowFile]
    dual_issue: Mapping[str, int]

    def row(self, keys: tuple[str, ...], address: int) -> RowFile:
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
    rows: dict[str, RowFile] = {}
    for entry in file.row:
        if entry.unit and entry.unit not in file.dual_issue:
            raise DataFileError(f"key 'row': unit '{entry.unit}' is not in dual_issue", where=str(path))
        for mnemonic in entry.mnemonics:
            if mnemonic in rows:
                raise DataFileError(f"key 'row': '{mnemonic}' has two rows", where=str(path), fix="Keep one of them.")
            rows[mnemonic] = entry
    model = f"{file.model} v{file.version} (estimate: {file.memory})"
    return TimingTable(core, model, rows, file.dual_issue)
