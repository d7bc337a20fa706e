"""Cycles of a run: every executed instruction at the price of its core's table.

The model is the instruction stream on the memory that the table assumes; what flash wait states, caches and
bus contention add is a term of its own over (profile, memories), to be summed here once it exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sparse_mcu.costmodel.devices.types import Board, Core
from sparse_mcu.costmodel.timing.decode import Instruction, decode
from sparse_mcu.costmodel.timing.profile import Profile
from sparse_mcu.costmodel.timing.table import RowFile, load_table

_Priced = tuple[Instruction, RowFile]


@dataclass(frozen=True, slots=True)
class CycleCount:
    """What a run costs on a core; whole cycles, so nothing is ever rounded.

    Attributes:
        phases: Cycles of each phase: additive over phases and linear in the profile's counts.
        model: The timing model, its version and what it assumes.
        estimate: Whether the count is an estimate of the hardware's; it is for every table so far.
    """

    phases: tuple[int, ...]
    model: str
    estimate: bool = True

    @property
    def total(self) -> int:
        """The sum of `phases`."""
        return sum(self.phases)


def price(profile: Profile, code: bytes, core: Core) -> CycleCount:
    """Price a profile with the core's timing table.

    An instruction costs its row's cycles each time it ran, plus `taken` each time execution went elsewhere.
    What it owes to its successor (pipelined loads, use of a loaded value, issue in one cycle, a mispredicted loop
    exit) counts each time that followed. An instruction that its IT block skipped is priced as if it had run: a
    profile cannot tell.

    Args:
        profile: What an engine counted.
        code: The bytes at `profile.code_start`.
        core: The core.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the core's table, or is none.
    """
    table = load_table(core.name)
    instructions = decode(code, np.any(profile.executed, axis=0), core, profile.code_start)
    rows = [table.row(found.keys, profile.code_start + 2 * found.index) for found in instructions]
    columns = [found.index for found in instructions]
    executed = profile.executed[:, columns].astype(np.int64)
    taken = profile.taken[:, columns].astype(np.int64)
    priced = list(zip(instructions, rows, strict=True))
    base = np.array([_base(found, row) for found, row in priced], np.int64)
    jump = np.array([row.taken for row in rows], np.int64)
    owed = np.array(_owed(priced, table.dual_issue), np.int64)
    phases = executed @ base + taken @ jump + (executed - taken) @ owed
    return CycleCount(tuple(phases.tolist()), table.model)


def latency_ms(cycles: int, board: Board) -> float:
    """Milliseconds that `cycles` take at the board's clock; an estimate as far as `cycles` is one."""
    return cycles / board.clock_hz * 1e3


def energy_uj(cycles: int, board: Board) -> float:
    """Microjoules: active power times latency, an estimate.

    Power hardly depends on what a board computes (sigma / mu = 0.0073 over 400 networks on the F746ZG, MicroNets),
    so the board's one figure serves all; its source stands in the board's file.
    """
    return board.active_power_mw * latency_ms(cycles, board)


def _base(instruction: Instruction, row: RowFile) -> int:
    """Cycles of one execution that falls through."""
    return row.cycles - (-instruction.registers // row.registers_per_cycle)


def _owed(priced: list[_Priced], units: Mapping[str, int]) -> list[int]:
    """What each instruction costs more, or less, when the one after it in memory follows."""
    targets = {found.target for found, _ in priced}
    owed = [_loop_exit(found, row) for found, row in priced]
    second = False
    for at, (first, following) in enumerate(pairwise(priced)):
        if following[0].index != first[0].index + first[0].halfwords:
            second = False
            continue
        second = not second and following[0].index not in targets and _issue_together(first, following, units)
        owed[at] += -following[1].cycles if second else _hazard(first, following)
    return owed


def _loop_exit(instruction: Instruction, row: RowFile) -> int:
    """Cycles lost when a branch backwards is not taken."""
    backwards = instruction.target is not None and instruction.target <= instruction.index
    return row.loop_exit if backwards else 0


def _hazard(first: _Priced, following: _Priced) -> int:
    """Cycles lost waiting for a loaded value, or saved by pipelining two loads."""
    (instruction, row), (after, after_row) = first, following
    stall = row.use_stall if instruction.loads & after.needs else 0
    pipelines = row.pipelined and after_row.pipelined and not instruction.loads & after.address
    return stall - (row.pipelined if pipelines else 0)


def _issue_together(first: _Priced, following: _Priced, units: Mapping[str, int]) -> bool:
    """Whether a dual-issue core starts both in one cycle: units for both, and no register in common but sources."""
    (instruction, row), (after, after_row) = first, following
    if not row.unit or not after_row.unit or instruction.results & (after.needs | after.results):
        return False
    return row.unit != after_row.unit or units[row.unit] > 1
