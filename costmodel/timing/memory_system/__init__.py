"""Adds what a core waits for its memories: flash, its lines and wait states, and caches."""

from sparse_mcu.costmodel.timing.memory_system.events import KINDS, Cache, Event, Hierarchy
from sparse_mcu.costmodel.timing.memory_system.stalls import price_on_board, stalls, with_stalls
from sparse_mcu.costmodel.timing.memory_system.system import (
    IDEAL,
    MemorySystem,
    load_memory_system,
    memory_system_at,
    memory_system_names,
)

__all__ = [
    "IDEAL",
    "KINDS",
    "Cache",
    "Event",
    "Hierarchy",
    "MemorySystem",
    "load_memory_system",
    "memory_system_at",
    "memory_system_names",
    "price_on_board",
    "stalls",
    "with_stalls",
]
