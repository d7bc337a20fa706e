"""Errors that a user can mend: what is wrong, where, and how to fix it."""

import difflib
from collections.abc import Callable, Iterable
from functools import partial


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """` Did you mean ..?`, if anything known is near."""
    near = difflib.get_close_matches(wrong, [*known], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class SparseMcuError(Exception):
    """Base of every expected failure; the command prints it as one line and exits with 2.

    Args:
        what: What is wrong, with the value that was got.
        where: The file, node, board or option it is about.
        fix: What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        head = f"{where}: {what}" if where else what
        super().__init__(f"{head}. {fix}" if fix else head)

    def __reduce__(self) -> tuple[Callable[[str], "SparseMcuError"], tuple[str]]:
        """Errors cross from one process to another whole."""
        return partial(type(self), where=self.where, fix=self.fix), (self.what,)


class ModelError(SparseMcuError):
    """The model file is missing, broken, hostile or outside what the gate admits."""


class UnsupportedOperatorError(ModelError):
    """The model is sound, but a node has no rule; the message names node, type and the file to add it in."""


class UnsupportedQuantizationError(ModelError):
    """A node is not int8 QDQ, or its scales cannot be expressed in integer arithmetic."""


class UnknownBoardError(SparseMcuError):
    """No board of that name; the message suggests the nearest."""


class DataFileError(SparseMcuError):
    """A board, core or timing file is missing, malformed or contradicts itself; the message names file and key."""


class UnknownInstructionError(SparseMcuError):
    """Code was executed that the core's timing table has no row for; the message names the file to add it in."""


class ToolchainError(SparseMcuError):
    """No compiler was found, or it refused generated code."""


class InstructionSetError(ToolchainError):
    """Firmware holds an instruction that the board's core does not have; the message names address and symbol."""


class EngineError(SparseMcuError):
    """The emulator is missing, died, or the firmware did not finish within its budget."""


class WorkerError(SparseMcuError):
    """A process that worked on one of many models died, or failed in a way that nobody foresaw."""


class PlanError(SparseMcuError):
    """The planner's input is not a valid problem, or the validator refused a plan."""


class MissingExtraError(SparseMcuError):
    """A command or an option needs packages that an optional part of the installation brings."""


class StudyError(SparseMcuError):
    """A study file is unreadable, of another schema, or belongs to another task."""


class DatasetError(SparseMcuError):
    """A dataset is unknown, missing or damaged."""
