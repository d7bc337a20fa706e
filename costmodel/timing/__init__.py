"""Cycles: an execution profile priced for a core."""

from costmodel.timing.pricing import CycleCount, energy_uj, latency_ms, price
from costmodel.timing.profile import Profile

__all__ = ["CycleCount", "Profile", "energy_uj", "latency_ms", "price"]
