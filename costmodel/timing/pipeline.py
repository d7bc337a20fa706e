"""Issues instructions in order: finds the waits for operands, and the pairs that a dual-issue core issues at once.

Straight code is followed from each place that a jump may lead to, with nothing under way. A row says how many cycles
after an instruction its result can be used, in general and in each role (compare `ReadAdvance` in LLVM's models).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sparse_mcu.costmodel.timing.causes import Cause, cause_of
from sparse_mcu.costmodel.timing.operands import Role
from sparse_mcu.costmodel.timing.rules import RESTRICTIONS, Step
from sparse_mcu.costmodel.timing.table import RowFile, TimingTable

_PAIR = 2


@dataclass(frozen=True, slots=True)
class Issue:
    """What the pipeline makes of one step.

    Attributes:
        wait: Cycles that it waits for an operand after the step before.
        cause: What the wait counts for.
        is_second: Whether it is issued in the same cycle as the step before.
    """

    wait: int
    cause: Cause
    is_second: bool


@dataclass(frozen=True, slots=True)
class _Result:
    """A register that was written: in the cycle `time`, by an instruction of `row`, for `cause`."""

    time: int
    row: RowFile
    cause: Cause
    is_early: bool = False
    is_base: bool = False

    def ready(self, role: Role) -> int:
        """The cycle in which an instruction that needs it in `role` can be issued."""
        if self.is_base:
            return self.time + 1
        if self.is_early:
            return self.time + (role in {"address", "shifted"})
        return self.time + self.row.latency_to.get(role, self.row.latency)


@dataclass(slots=True)
class _State:
    """What is under way.

    Attributes:
        time: The cycle in which the next instruction is issued at the earliest.
        older: The step that was issued alone in the cycle before, if another can join it.
        results: What was written, by register.
    """

    time: int = 0
    older: tuple[Step, RowFile] | None = None
    results: dict[int, _Result] = field(default_factory=dict)

    def earliest(self, step: Step, start: int) -> tuple[int, Cause]:
        """When the last operand is there, not before `start`, and what it waits for."""
        waits: list[tuple[int, Cause]] = [
            (self.results[number].ready(role), self.results[number].cause)
            for number, role in step.now.operands.reads
            if number in self.results
        ]
        return max([(start, "dependencies"), *waits], key=lambda pair: pair[0])


def issue(steps: Sequence[Step], rows: Sequence[RowFile], table: TimingTable) -> Iterator[Issue]:
    """Yields what the pipeline makes of each step, in order."""
    state = _State()
    for step, row in zip(steps, rows, strict=True):
        if step.before is None:
            state = _State()
        start, found = _start(state, step, row, table)
        cycles = row.cycles_of(step.now.operands.words)
        if not found.is_second:
            state.time = start + cycles
        state.older = (step, row) if row.unit and cycles == 1 and not found.is_second else None
        if step.is_target:
            state.results = {}
        _remember(state, step, row, start + max(cycles, 1) - 1, is_second=found.is_second)
        yield found


def _start(state: _State, step: Step, row: RowFile, table: TimingTable) -> tuple[int, Issue]:
    """When a step is issued."""
    together = state.time - 1
    if _may_join(state.older, step, row, table) and state.earliest(step, together)[0] == together:
        return together, Issue(0, "dependencies", is_second=True)
    start, cause = state.earliest(step, state.time)
    return start, Issue(start - state.time, cause, is_second=False)


def _may_join(older: tuple[Step, RowFile] | None, step: Step, row: RowFile, table: TimingTable) -> bool:
    """Whether a step can be issued with the one before, once its operands are there."""
    if older is None or step.is_target or not row.unit or row.cycles_of(step.now.operands.words) > 1:
        return False
    unit, first = table.units[row.unit], older[1].unit
    if unit.older_only or first in unit.not_with or row.unit in table.units[first].not_with:
        return False
    if row.unit == first and unit.count < _PAIR:
        return False
    return not any(RESTRICTIONS[name](older[0].now, step.now) for name in table.restrictions)


def _remember(state: _State, step: Step, row: RowFile, time: int, *, is_second: bool) -> None:
    """Notes what a step writes."""
    cause, operands = cause_of(step.now.name), step.now.operands
    early = row.early == "any" or (row.early == "older" and not is_second)
    early = early and not step.now.is_shifted
    early = early and all(
        state.results[number].ready("shifted") <= time for number, _ in operands.reads if number in state.results
    )
    for number in operands.results:
        is_base = bool(operands.loads) and number not in operands.loads
        state.results[number] = _Result(time, row, cause, is_early=early, is_base=is_base)
