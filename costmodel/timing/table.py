"""Reads timing tables from costmodel/timing/cores: one row per kind of instruction, and rules, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field

from sparse_mcu.costmodel.devices.schema import Positive, Sourced, read_toml
from sparse_mcu.costmodel.errors import DataFileError, UnknownInstructionError
from sparse_mcu.costmodel.records import FileRecord
from sparse_mcu.costmodel.timing.operands import Role
from sparse_mcu.costmodel.timing.rules import RESTRICTIONS, RULES

_FOLDER = files("sparse_mcu.costmodel.timing") / "cores"

Cycles = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class _Sourced(Sourced):
    """A figure of a timing table. Its source also gives the range that we picked the figure from.

    Attributes:
        status: Whether the figure is documented by the core's designer, measured by somebody, or inferred.
    """

    status: Literal["documented", "measured", "inferred"]


class RowFile(_Sourced):
    """One row of a timing table, for one or more instructions. All costs are cycles.

    Attributes:
        mnemonics: Capstone's names without suffixes for condition, S and width, and qualified ones such as "str.reg"
            (see `decode`). A qualified row is preferred to a plain one.
        cycles: The cost if the next instruction in memory follows, without its register list.
        registers_per_cycle: How many words of a register list are transferred in a cycle.
        taken: Added if execution goes elsewhere.
        latency: How many cycles after the last of its own cycles its result can be used. 1 is the next cycle.
        latency_to: The latency if the result is needed in a special role.
        early: Whether it may run a stage earlier if its operands are there: "older" only as the older one of a pair.
            Then the younger instruction of the pair can use its result.
        unit: The unit that executes it; "" if the core never issues it together with another.
    """

    mnemonics: Annotated[list[str], Field(min_length=1)]
    cycles: Cycles
    registers_per_cycle: Positive = 1
    taken: Cycles = 0
    latency: Cycles = 1
    latency_to: Annotated[dict[Role, Cycles], Field(default_factory=dict)]
    early: Literal["", "older", "any"] = ""
    unit: str = ""

    def cycles_of(self, words: int) -> int:
        """Returns the cycles of one execution after which the next instruction in memory follows.

        Args:
            words: The length of its register list.
        """
        return self.cycles - (-words // self.registers_per_cycle)


class UnitFile(_Sourced):
    """A kind of execution unit of a dual-issue core.

    Attributes:
        name: The name that rows use.
        count: How many there are.
        older_only: Whether only the older instruction of a pair can use it.
        not_with: The units that cannot work in the same cycle.
    """

    name: Text
    count: Positive
    older_only: bool = False
    not_with: Annotated[list[str], Field(default_factory=list)]


class RuleFile(_Sourced):
    """A rule of `rules` that holds for this core.

    Attributes:
        name: A key of `RULES` or `RESTRICTIONS`.
        cycles: What it costs each time; negative if it saves. 0 for a restriction.
        enabled: Whether it is used.
    """

    name: Text
    cycles: int = 0
    enabled: bool = True


class TableFile(FileRecord):
    """The content of costmodel/timing/cores/<core>.toml.

    Attributes:
        core: The name of the core, like the file's.
        model: The table's name; reports show it.
        version: Counts changes of the table.
        memory: The memories that the table assumes.
        unit: The units of a dual-issue core.
        rule: The rules of its pipeline.
        row: The rows.
    """

    core: str
    model: str
    version: Positive
    memory: Text
    unit: Annotated[list[UnitFile], Field(default_factory=list)]
    rule: Annotated[list[RuleFile], Field(default_factory=list)]
    row: Annotated[list[RowFile], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class TimingTable:
    """What each instruction of a core costs.

    Attributes:
        core: The name of the core.
        model: The name and version of the table and what it assumes, for reports.
        rows: The rows by mnemonic.
        units: The units by name.
        rules: The cycles of each rule that is switched on.
        restrictions: The restrictions that are switched on.
    """

    core: str
    model: str
    rows: Mapping[str, RowFile]
    units: Mapping[str, UnitFile]
    rules: Mapping[str, int]
    restrictions: tuple[str, ...]

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

    def without(self, *names: str) -> "TimingTable":
        """Returns the table with these rules and restrictions switched off."""
        return replace(
            self,
            rules={name: cycles for name, cycles in self.rules.items() if name not in names},
            restrictions=tuple(name for name in self.restrictions if name not in names),
        )


@cache
def load_table(core: str) -> TimingTable:
    """Returns the timing table of a core.

    Raises:
        DataFileError: The core has no table, the file is broken, a mnemonic has two rows, or a name is unknown.
    """
    path = _FOLDER / f"{core}.toml"
    file = read_toml(path, TableFile)
    if file.core != core:
        raise DataFileError(f"key 'core': '{file.core}' is not the file's name", where=str(path))
    rules = [rule for rule in file.rule if rule.enabled]
    return TimingTable(
        core=core,
        model=f"{file.model} v{file.version} (estimate: {file.memory})",
        rows=_rows(file, str(path)),
        units={unit.name: unit for unit in file.unit},
        rules={rule.name: rule.cycles for rule in rules if rule.name in RULES},
        restrictions=tuple(rule.name for rule in rules if rule.name in RESTRICTIONS),
    )


def _rows(file: TableFile, path: str) -> dict[str, RowFile]:
    """The rows by mnemonic, once all names are known."""
    units = {unit.name for unit in file.unit}
    for rule in file.rule:
        if rule.name not in {*RULES, *RESTRICTIONS}:
            raise DataFileError(f"key 'rule': there is no rule '{rule.name}'", where=path, fix="See timing/rules.py.")
    rows: dict[str, RowFile] = {}
    for entry in file.row:
        if entry.unit and entry.unit not in units:
            raise DataFileError(f"key 'row': unit '{entry.unit}' is not among the units", where=path)
        for mnemonic in entry.mnemonics:
            if mnemonic in rows:
                raise DataFileError(f"key 'row': '{mnemonic}' has two rows", where=path, fix="Keep one of them.")
            rows[mnemonic] = entry
    return rows
