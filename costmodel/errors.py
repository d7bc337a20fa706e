"""Errors that a user can fix. Each says what is wrong, where, and what to do."""

import difflib
from collections.abc import Callable, Iterable
from functools import partial


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Returns " Did you mean ...?" with the known word that is nearest to `wrong`, or "" if none is near."""
    near = difflib.get_close_matches(wrong, [*known], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class SparseMcuError(Exception):
    """The base of every expected failure. The command prints it as one line and exits with code 2.

    Args:
        what: What is wrong, with the value that was found.
        where: The file, node, board or option that is wrong.
        fix: What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        head = f"{where}: {what}" if where else what
        super().__init__(f"{head}. {fix}" if fix else head)

    def __reduce__(self) -> tuple[Callable[[str], "SparseMcuError"], tuple[str]]:
        """Keeps `where` and `fix` when an error passes from one process to another."""
        return partial(type(self), where=self.where, fix=self.fix), (self.what,)


class ModelError(SparseMcuError):
    """The model file is missing, broken, hostile or larger than the limits allow."""


def malformed(what: str, where: str) -> ModelError:
    """Returns the error for a model that contradicts itself: only its exporter can mend it."""
    return ModelError(what, where=where, fix="Export the model again.")


class UnsupportedOperatorError(ModelError):
    """The model is valid, but a node has no rule. The message names the node, its type and where to add a rule."""


class UnsupportedQuantizationError(ModelError):
    """A node is not quantised as int8 QDQ, or integer arithmetic cannot express its scales."""


class UnknownBoardError(SparseMcuError):
    """No board has that name. The message suggests the nearest one."""


class DataFileError(SparseMcuError):
    """A board, core or timing file is missing, malformed or contradicts itself. The message names file and key."""


class UnknownInstructionError(SparseMcuError):
    """The core's timing table has no row for an executed instruction. The message names the file to add one to."""


class ToolchainError(SparseMcuError):
    """No compiler was found, or the compiler refused generated code."""


class InstructionSetError(ToolchainError):
    """The firmware contains an instruction that the core does not have. The message names address and symbol."""


class EngineError(SparseMcuError):
    """The emulator is missing or died, or the firmware did not finish within its budget of instructions."""


class WorkerError(SparseMcuError):
    """A process that worked on one of many models died or failed unexpectedly."""


class PlanError(SparseMcuError):
    """The planner's input is not a valid problem, or the validator refused a plan."""


class MissingExtraError(SparseMcuError):
    """A command or an option needs packages that an optional part of the installation brings."""


class StudyError(SparseMcuError):
    """A study file is unreadable, of another schema, or belongs to another task."""


class DatasetError(SparseMcuError):
    """A dataset is unknown, missing or damaged."""
