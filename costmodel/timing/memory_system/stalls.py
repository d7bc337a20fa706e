"""Prices the events of the memories: what a core waits for code, for data in flash, and for cached RAM."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.timing.memory_system.events import LATEST, Event
from sparse_mcu.costmodel.timing.memory_system.system import MemorySystem
from sparse_mcu.costmodel.timing.profile import Profile

Cycles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stalls:
    """The cycles that a core waits in each phase.

    Attributes:
        fetch: For code.
        flash_data: For data in flash.
        caches: For RAM that its data cache does not hold.
    """

    fetch: Cycles
    flash_data: Cycles
    caches: Cycles

    @property
    def total(self) -> Cycles:
        """All of them, by phase."""
        return self.fetch + self.flash_data + self.caches


def stalls(profile: Profile, cycles: npt.ArrayLike, system: MemorySystem) -> Stalls:
    """Returns what the core waits for its memories.

    A missed line of code costs the same after every jump. If it follows the line before, and the flash prefetches, the
    flash has read since the core came to the line before. The core took n instructions there, each as long as the
    average of its phase. So it waits `clamp(miss + 1 - n * cycles per instruction, 0, miss)`: a line takes one cycle
    more to read than a core without wait states would wait.

    Args:
        profile: A profile with events, of `system.hierarchy`.
        cycles: [phases]; the cycles of each phase without stalls of the memories.
        system: What the events cost.
    """
    if system.hierarchy is None or profile.events is None:
        nothing = np.zeros(len(profile.executed))
        return Stalls(nothing, nothing, nothing)
    events = profile.events.sum(axis=2).astype(np.float64)
    instructions = np.maximum(profile.executed.sum(axis=1), 1)
    per_instruction = np.asarray(cycles, np.float64) / instructions
    fetch = events[Event.FETCH_JUMP] * system.code_miss
    for passed in range(LATEST + 1):
        hidden = passed * per_instruction - 1 if system.prefetch else np.zeros(len(instructions))
        fetch = fetch + events[Event.FETCH_NEXT + passed] * np.clip(system.code_miss - hidden, 0, system.code_miss)
    data = events[Event.DATA_LINE if system.buffers_data else Event.DATA_READ] * system.data_miss
    return Stalls(fetch, data, events[Event.RAM_LINE] * system.ram_miss)
