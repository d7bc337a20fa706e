"""Estimates the cycles of a run: each executed instruction costs what its core's timing table says.

The estimate covers the instructions, on the memory that the table assumes. It does not cover flash wait states, caches
and contention on the bus. Those would be one more term, a function of the profile and the memories, added here.
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
    """What a run costs on a core, in whole cycles.

    Attributes:
        phases: The cycles of each phase of the profile.
        model: The timing table, its version and what it assumes.
        estimate: Whether hardware may differ; true for every table so far.
    """

    phases: tuple[int, ...]
    model: str
    estimate: bool = True

    @property
    def total(self) -> int:
        """The cycles of all phases."""
        return sum(self.phases)


def price(profile: Profile, code: bytes, core: Core) -> CycleCount:
    """Prices a profile with the core's timing table.

    An instruction costs its row's `cycles` each time it ran, plus `taken` each time execution went elsewhere. Each
    time the next instruction in memory followed, the pair may cost more (a stall, a mispredicted loop exit) or less
    (pipelined loads, two instructions in one cycle). An instruction that its IT block skipped is priced as if it had
    run, because a profile cannot tell the difference.

    Args:
        profile: What an engine counted.
        code: The bytes at `profile.code_start`.
        core: The core.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the core's table, or is no instruction.
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
    """Returns the milliseconds that `cycles` take at the board's clock."""
    return cycles / board.clock_hz * 1e3


def energy_uj(cycles: int, board: Board) -> float:
    """Estimates the energy of `cycles` in microjoules: active power times latency.

    One figure of power serves all networks, since power hardly depends on what a board computes: sigma / mu = 0.0073
    over 400 networks on the F746ZG (MicroNets). The board's file names the source of its figure.
    """
    return board.active_power_mw * latency_ms(cycles, board)


def _base(instruction: Instruction, row: RowFile) -> int:
    """The cycles of one execution after which the next instruction in memory follows."""
    return row.cycles - (-instruction.registers // row.registers_per_cycle)


def _owed(priced: list[_Priced], units: Mapping[str, int]) -> list[int]:
    """What each instruction costs more, or less, each time the next instruction in memory follows it."""
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
    """Whether a dual-issue core starts both in one cycle: there are units for both, and the second needs no result."""
    (instruction, row), (after, after_row) = first, following
    if not row.unit or not after_row.unit or instruction.results & (after.needs | after.results):
        return False
    return row.unit != after_row.unit or units[row.unit] > 1
