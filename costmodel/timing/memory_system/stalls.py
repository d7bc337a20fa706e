"""Prices the events of the memories: what a core waits for code, for data in flash, and for cached RAM."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.timing.memory_system.events import LATEST, Event
from sparse_mcu.costmodel.timing.memory_system.system import MemorySystem, load_memory_system
from sparse_mcu.costmodel.timing.pricing import CycleCount, price
from sparse_mcu.costmodel.timing.profile import Profile

Cycles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint64]

FETCH, FLASH_DATA, CACHES = "fetch", "flash data", "caches"
"""The causes: waits for code, for data in flash, and for RAM behind a data cache."""


def price_on_board(profile: Profile, code: bytes, board: Board) -> CycleCount:
    """Prices a profile with the core's timing table and the board's memory system.

    Args:
        profile: What an engine counted. It has events if the memory system has caches or wait states.
        code: The bytes at `profile.code_start`.
        board: The board.

    Raises:
        UnknownInstructionError: An executed instruction has no row in the core's table, or is no instruction.
        DataFileError: The memory system is unknown or too slow, or the profile has no events.
    """
    count, system = price(profile, code, board.core), load_memory_system(board)
    if system.hierarchy is None:
        return count
    if profile.events is None:
        raise DataFileError(
            "the memories were not simulated", where=system.name, fix="Run the firmware with this memory system."
        )
    return with_stalls(count, profile.events.sum(axis=2), profile.executed.sum(axis=1), system)


def with_stalls(count: CycleCount, events: Counts, instructions: Counts, system: MemorySystem) -> CycleCount:
    """Adds the stalls of a memory system to the cycles of a core.

    Args:
        count: The cycles of each phase without stalls of the memories.
        events: uint64 [kinds, phases]; how often each `Event` happened.
        instructions: uint64 [phases]; how many instructions ran.
        system: What the events cost.
    """
    waits = stalls(events, np.array(count.phases) / np.maximum(instructions, 1), system)
    whole = {cause: tuple(round(cycles) for cycles in found.tolist()) for cause, found in waits.items()}
    return count.plus(whole, f"{count.model}; memories: {system.summary}")


def stalls(events: Counts, cycles_per_instruction: Cycles, system: MemorySystem) -> dict[str, Cycles]:
    """Returns the cycles that the core waits for its memories in each phase, by cause.

    A missed line of code costs the same after every jump. If it follows the line before, and the flash prefetches, the
    flash has read since the core came to the line before. The core passed n instructions there, each as long as the
    average of its phase. So it waits `clamp(miss + 1 - n * cycles per instruction, 0, miss)`: reading a line takes one
    cycle more than the core waits when nothing is prefetched.

    Args:
        events: uint64 [kinds, phases]; how often each `Event` happened.
        cycles_per_instruction: [phases]; the average of each phase, without stalls of the memories.
        system: What the events cost.
    """
    fetch = events[Event.FETCH_JUMP] * system.code_miss
    for passed in range(LATEST + 1):
        hidden = np.maximum(passed * cycles_per_instruction - 1, 0) * system.prefetch
        fetch = fetch + events[Event.FETCH_NEXT + passed] * np.maximum(system.code_miss - hidden, 0)
    data = events[Event.DATA_LINE if system.buffers_data else Event.DATA_READ] * system.data_miss
    return {FETCH: fetch, FLASH_DATA: data, CACHES: events[Event.RAM_LINE] * system.ram_miss}
