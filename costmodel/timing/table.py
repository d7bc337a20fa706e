"""Reads timing tables from costmodel/timing/cores: one row per kind of instruction, each with its source."""

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
    """One row of a timing table, for one or more instructions. All costs are cycles.

    Attributes:
        mnemonics: Capstone's names without suffixes for condition, S and width. "str.reg" is `str` with a register in
            its address, and "b.n" is `b` in 16 bits; such a row is preferred to a plain one.
        cycles: The cost if the next instruction in memory follows, without its register list.
        registers_per_cycle: How fast a register list is transferred.
        taken: Added if execution goes elsewhere.
        loop_exit: Added if a direct branch backwards is not taken: the misprediction at the end of a loop.
        pipelined: Saved if a pipelined load follows directly and does not need this result for its address.
        use_stall: Lost if the next instruction needs what this one loads.
        unit: The unit that executes it, a key of `dual_issue`; "" if the core never issues it together with another.
        status: Whether the figure is documented by the core's designer, measured by somebody, or inferred.
        source: The document, and the range that we picked the figure from.
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
    """The content of costmodel/timing/cores/<core>.toml.

    Attributes:
        core: The file's name.
        model: The name of the table, for reports.
        version: Increased whenever a figure changes.
        memory: The memory system that the figures assume.
        dual_issue: How many instructions each unit takes in a cycle, if the core issues two; else empty.
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
        core: The name of the core.
        model: The name and version of the table and what it assumes, for reports.
        rows: The rows by mnemonic.
        dual_issue: See `TableFile`.
    """

    core: str
    model: str
    rows: Mapping[str, RowFile]
    dual_issue: Mapping[str, int]

    def row(self, keys: tuple[str, ...], address: int) -> RowFile:
        """Returns the row of the first key that has one.

        Raises:
            UnknownInstructionError: No key has a row.
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
    """Returns the timing table of a core.

    Raises:
        DataFileError: The core has no table, the file is broken, or a mnemonic has two rows.
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
