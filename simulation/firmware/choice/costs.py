"""Predicts what a kernel costs at one place, and orders kernels by the user's goal.

Each kernel states its `Work`. Its cycles on a core are a weighted sum of the terms of that work. Its bytes of code are
another one. `costs.json` holds the weights, called factors. `python -m sparse_mcu.benchmarks.kernels --fit` fits them
to layers that run in the emulator. The bytes of constants are exact.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod

from sparse_mcu.simulation.firmware.kernels.kernel import Implementation
from sparse_mcu.simulation.firmware.options import Optimise

_FILE = "costs.json"


@dataclass(frozen=True, slots=True)
class Cost:
    """Holds what a kernel is predicted to cost at one place.

    Attributes:
        cycles: At zero wait states.
        flash_bytes: Constants and code.
    """

    cycles: float
    flash_bytes: float

    def rank(self, optimise: Optimise) -> float:
        """Returns a number by which kernels are compared; the smallest is best.

        It is the cycles for "speed", the bytes for "flash", and bytes times cycles squared for "balanced". So a kernel
        that halves the cycles of a layer may take up to four times its flash, whatever the layer's size.
        """
        by_goal = {"speed": self.cycles, "flash": self.flash_bytes, "balanced": self.cycles**2 * self.flash_bytes}
        return by_goal[optimise]


def family_of(implementation: Implementation) -> str:
    """Returns the key of the kernel's factors: its name, followed by its variant if that has factors of its own."""
    variant = implementation.work.variant if implementation.work else ""
    return f"{implementation.kernel} {variant}".rstrip()


def predicted(implementation: Implementation) -> Cost | None:
    """Returns what the kernel costs; None for a kernel without work or factors, which has no competitors."""
    work, factors = implementation.work, _factors().get(implementation.site.core.name, {})
    priced = factors.get(family_of(implementation))
    if work is None or priced is None:
        return None
    cycles = sum(map(prod, zip(priced["cycles"], work.cycle_terms, strict=True)))
    code = sum(map(prod, zip(priced["code_bytes"], work.code_terms, strict=True)))
    return Cost(cycles, code + sum(constant.size_bytes for constant in implementation.constants))


def preferred(candidates: Iterable[Implementation], optimise: Optimise) -> list[Implementation]:
    """Sorts the candidates, best first. Those without a prediction come before the others and keep their order."""

    def rank(implementation: Implementation) -> float:
        cost = predicted(implementation)
        return 0.0 if cost is None else cost.rank(optimise)

    return sorted(candidates, key=rank)


@cache
def _factors() -> Mapping[str, Mapping[str, Mapping[str, list[float]]]]:
    """Returns core -> kernel -> "cycles" and "code_bytes" -> factors."""
    loaded: Mapping[str, Mapping[str, Mapping[str, list[float]]]] = json.loads(
        files("sparse_mcu.simulation.firmware.choice").joinpath(_FILE).read_text(encoding="utf-8")
    )
    return loaded
