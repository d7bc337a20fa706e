"""Cycles of a run: every executed instruction at the price of its core's table.

The model is the instruction stream on a zero-wait-state memory; what flash wait states, caches and
bus contention add is a term of its own over (profile, memories), to be summed here once it exists.
"""

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from costmodel.devices.types import Board, Core
from costmodel.timing.decode import Instruction, decode
from costmodel.timing.profile import Profile
from costmodel.timing.table import HALVES, Row, TimingTable, load_table


@dataclass(frozen=True, slots=True)
class CycleCount:
    """What a run costs on a core.

    Attributes:
        half_cycles: Of each phase, exact: additive over phases and linear in the profile's counts.
        model: The timing model, its version and what it leaves out.
        estimate: Whether the count is an estimate of the hardware's; it is for every table so far.
    """

    half_cycles: tuple[int, ...]
    model: str
    estimate: bool = True

    @property
    def phases(self) -> tuple[int, ...]:
        """Cycles of each phase, a half rounded up: the one place where anything is rounded."""
        return tuple(-(-half // HALVES) for half in self.half_cycles)

    @property
    def total(self) -> int:
        """The sum of `phases`."""
        return sum(self.phases)


def price(profile: Profile, code: bytes, core: Core) -> CycleCount:
    """Price a profile with the core's timing table.

    An instruction costs its row's cycles each time it ran, plus `taken` each time execution went
    elsewhere; what it owes to its successor (pipelined loads, use of a loaded value) counts each time that
    followed. An instruction that its IT block skipped is priced as if it had run (a profile cannot tell).

    Args:
        profile: What an engine counted.
        code: The bytes at `profile.code_start`.
        core: The core.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the core's table, or is none.
    """
    table = load_table(core.name)
    instructions = decode(code, np.any(profile.executed, axis=0), core, profile.code_start)
    columns = [instruction.index for instruction in instructions]
    executed = profile.executed[:, columns].astype(np.int64)
    taken = profile.taken[:, columns].astype(np.int64)
    costs = np.array(_costs(instructions, table, profile.code_start), np.int64).reshape(-1, 3)
    half_cycles = executed @ costs[:, 0] + taken @ costs[:, 1] + (executed - taken) @ costs[:, 2]
    return CycleCount(tuple(half_cycles.tolist()), table.model)


def latency_ms(cycles: int, board: Board) -> float:
    """Milliseconds that `cycles` take at the board's clock; an estimate as far as `cycles` is one."""
    return cycles / board.clock_hz * 1e3


def energy_uj(cycles: int, board: Board) -> float:
    """Microjoules: active power times latency, an estimate.

    Power hardly depends on what a board computes (sigma / mu = 0.0073 over 400 networks on the F746ZG, MicroNets),
    so the board's one figure serves all; its source stands in the board's file.
    """
    return board.active_power_mw * latency_ms(cycles, board)


def _costs(instructions: tuple[Instruction, ...], table: TimingTable, code_start: int) -> list[tuple[int, int, int]]:
    """Half cycles of each instruction: per execution, per taken branch, per execution that fell through."""
    priced = [(found, table.row(found.keys, code_start + 2 * found.index)) for found in instructions]
    return [
        (row.half_cycles + row.per_register * found.registers, row.taken, _owed(found, row, successor))
        for (found, row), successor in zip_longest(priced, priced[1:])
    ]


def _owed(instruction: Instruction, row: Row, successor: tuple[Instruction, Row] | None) -> int:
    """What an instruction costs more, or less, because of the one after it in memory."""
    if successor is None or successor[0].index != instruction.index + instruction.halfwords:
        return 0
    following, following_row = successor
    stall = row.use_stall if instruction.loads & following.needs else 0
    pipelines = row.pipelined and following_row.pipelined and not instruction.loads & following.address
    return stall - (row.pipelined if pipelines else 0)
