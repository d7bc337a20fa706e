"""Estimates the cycles of a run: each executed instruction costs what its core's timing table and rules say.

The estimate covers the core, on memories without wait states. What memories add is one more term: `CycleCount.plus`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sparse_mcu.costmodel.devices.types import Board, Core
from sparse_mcu.costmodel.timing.causes import CAUSES, Cause, cause_of
from sparse_mcu.costmodel.timing.counts import Counts, Execution, When
from sparse_mcu.costmodel.timing.decode import Instruction, decode
from sparse_mcu.costmodel.timing.pipeline import issue
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.costmodel.timing.rules import RULES, Step
from sparse_mcu.costmodel.timing.table import RowFile, TimingTable, load_table

_WIDE = 2
_Charge = tuple[When, int, Cause, int]  # what is counted, at which instruction, the cause, the cycles


@dataclass(frozen=True, slots=True)
class CycleCount:
    """What a run costs on a core, in whole cycles.

    Attributes:
        causes: The cycles of each phase by what they were spent on: `CAUSES`, and those of a memory system.
        model: The timing table, its version and what it assumes.
        estimate: Whether hardware may differ; true for every table so far.
    """

    causes: Mapping[str, tuple[int, ...]]
    model: str
    estimate: bool = True

    @property
    def phases(self) -> tuple[int, ...]:
        """The cycles of each phase."""
        return tuple(sum(parts) for parts in zip(*self.causes.values(), strict=True))

    @property
    def total(self) -> int:
        """The cycles of all phases."""
        return sum(self.phases)

    def plus(self, causes: Mapping[str, tuple[int, ...]], model: str) -> "CycleCount":
        """Returns the count with further cycles, such as the stalls of a memory system.

        Args:
            causes: The further cycles of each phase, by cause.
            model: The whole model's new name.
        """
        nothing = (0,) * len(self.phases)
        names = [*self.causes, *(name for name in causes if name not in self.causes)]
        added = {
            name: tuple(a + b for a, b in zip(self.causes.get(name, nothing), causes.get(name, nothing), strict=True))
            for name in names
        }
        return replace(self, causes=added, model=model)


def price(profile: Profile, code: bytes, core: Core) -> CycleCount:
    """Prices a profile with the core's timing table.

    An instruction that its IT block skipped is priced as if it had run, because a profile cannot tell the difference.

    Args:
        profile: What an engine counted.
        code: The bytes at `profile.code_start`.
        core: The core.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the core's table, or is no instruction.
    """
    return price_execution(execution_of(profile, code, core), load_table(core.name))


def execution_of(profile: Profile, code: bytes, core: Core) -> Execution:
    """Decodes what a profile executed: all that pricing needs, without the code itself.

    Raises:
        UnknownInstructionError: What is executed is no instruction.
    """
    instructions = decode(code, np.any(profile.executed, axis=0), core, profile.code_start)
    columns = [found.index for found in instructions]
    executed, taken = (counts[:, columns].astype(np.int64) for counts in (profile.executed, profile.taken))
    return Execution(profile.code_start, instructions, executed, taken)


def price_execution(execution: Execution, table: TimingTable) -> CycleCount:
    """Prices decoded instructions with a timing table.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the table.
    """
    instructions = execution.instructions
    rows = [table.row(found.keys, execution.code_start + 2 * found.index) for found in instructions]
    steps = list(steps_of(instructions))
    charges: dict[tuple[When, Cause], Counts] = {}
    for when, at, cause, cycles in (*_rows(steps, rows), *_rules(steps, table), *_pipeline(steps, rows, table)):
        charges.setdefault((when, cause), np.zeros(len(steps), np.int64))[at] += cycles
    phases = len(execution.executed)
    sums = {cause: np.zeros(phases, np.int64) for cause in CAUSES}
    for (when, cause), costs in charges.items():
        sums[cause] += execution.count(when) @ costs
    return CycleCount({cause: tuple(each.tolist()) for cause, each in sums.items()}, table.model)


def steps_of(instructions: Iterable[Instruction]) -> Iterator[Step]:
    """Yields each instruction with what stands before it."""
    listed = list(instructions)
    targets = {found.target for found in listed}
    before: Instruction | None = None
    run = 0
    for now in listed:
        is_next = before is not None and before.next_index == now.index and not before.always_jumps
        previous = before if is_next else None
        is_wide = now.halfwords == _WIDE and not now.is_aligned
        run = (run if previous is not None else 0) + 1 if is_wide else 0
        yield Step(previous, now, now.index in targets, run)
        before = now


def _rows(steps: list[Step], rows: list[RowFile]) -> Iterator[_Charge]:
    """What each instruction costs by itself, and when it jumps."""
    for at, (step, row) in enumerate(zip(steps, rows, strict=True)):
        cycles, cause = row.cycles_of(step.now.operands.words), cause_of(step.now.name)
        yield "executed", at, "issue", min(cycles, 1)
        yield "executed", at, cause, cycles - min(cycles, 1)
        yield "taken", at, "branches", row.taken


def _rules(steps: list[Step], table: TimingTable) -> Iterator[_Charge]:
    """What the rules add or save."""
    for name, cycles in table.rules.items():
        rule = RULES[name]
        for at, step in enumerate(steps):
            if rule.applies(step):
                if rule.when != "follows":
                    yield rule.when, at, rule.cause, cycles
                elif step.before is not None:
                    yield "not taken", at - 1, rule.cause, cycles


def _pipeline(steps: list[Step], rows: list[RowFile], table: TimingTable) -> Iterator[_Charge]:
    """What waits for operands cost, and what issuing two instructions at once saves."""
    for at, issued in enumerate(issue(steps, rows, table)):
        if issued.wait:
            yield "not taken", at - 1, issued.cause, issued.wait
        if issued.is_second:
            yield "not taken", at - 1, "issue", -1


def latency_ms(cycles: int, board: Board) -> float:
    """Returns the milliseconds that `cycles` take at the board's clock."""
    return cycles / board.clock_hz * 1e3


def energy_uj(cycles: int, board: Board) -> float:
    """Estimates the energy of `cycles` in microjoules: active power times latency.

    One figure of power serves all networks, since power hardly depends on what a board computes: sigma / mu = 0.0073
    over 400 networks on the F746ZG (MicroNets). The board's file names the source of its figure.
    """
    return board.active_power_mw * latency_ms(cycles, board)
