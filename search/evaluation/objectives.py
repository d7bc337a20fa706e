"""What is minimised, and what the user does not want to exceed."""

from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import Fidelity

OBJECTIVES = ("error", "ram_bytes", "flash_bytes", "latency_ms")


class Objective(Record):
    """A number and how it was come by."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    fidelity: Fidelity


class Objectives(Record):
    """The costs of a candidate, all minimised; the fields are named as in OBJECTIVES.

    Attributes:
        error: Share of validation images that the board puts into a wrong class, by the integer reference.
        ram_bytes: Arena, static data and stack.
        flash_bytes: Everything that is programmed into flash.
        latency_ms: One inference, in milliseconds.
    """

    error: Objective
    ram_bytes: Objective
    flash_bytes: Objective
    latency_ms: Objective

    @property
    def values(self) -> tuple[float, float, float, float]:
        """The numbers, in the order of OBJECTIVES."""
        return (self.error.value, self.ram_bytes.value, self.flash_bytes.value, self.latency_ms.value)


class Bounds(Record):
    """Limits of the user; None: the board's own, or none.

    Attributes:
        ram_bytes: Largest total RAM.
        flash_bytes: Largest total flash.
        latency_ms: Longest inference.
    """

    ram_bytes: Annotated[int, Field(gt=0)] | None = None
    flash_bytes: Annotated[int, Field(gt=0)] | None = None
    latency_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @property
    def values(self) -> tuple[float, float, float, float]:
        """The limits in the order of OBJECTIVES; infinity where there is none."""
        limits = (None, self.ram_bytes, self.flash_bytes, self.latency_ms)
        error, ram, flash, latency = (float("inf") if limit is None else float(limit) for limit in limits)
        return (error, ram, flash, latency)

    def allow(self, objectives: Objectives) -> bool:
        """Whether no objective exceeds its limit."""
        return all(value <= limit for value, limit in zip(objectives.values, self.values, strict=True))
