"""Turns an execution profile into cycles of a core, and cycles into time and energy."""

from sparse_mcu.costmodel.timing.pricing import CycleCount, energy_uj, latency_ms, price
from sparse_mcu.costmodel.timing.profile import Profile

__all__ = ["CycleCount", "Profile", "energy_uj", "latency_ms", "price"]
