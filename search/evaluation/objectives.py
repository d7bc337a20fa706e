"""Defines the objectives that a search minimises, and the limits that a user may set."""

from typing import Annotated

from pydantic import Field

from sparse_mcu.costmodel.records import Record
from sparse_mcu.costmodel.report import Fidelity

OBJECTIVES = ("error", "ram_bytes", "flash_bytes", "latency_ms")


class Objective(Record):
    """A number, and the fidelity that says how it was obtained."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    fidelity: Fidelity


class Objectives(Record):
    """The costs of a candidate. Less is better for each of them. The fields are named as in OBJECTIVES.

    Attributes:
        error: Share of validation images that the board puts into a wrong class, by the integer reference.
        ram_bytes: The total RAM: arena, static data, stack and padding.
        flash_bytes: All bytes that are programmed into flash.
        latency_ms: The time of one inference in milliseconds.
    """

    error: Objective
    ram_bytes: Objective
    flash_bytes: Objective
    latency_ms: Objective

    @property
    def values(self) -> tuple[float, float, float, float]:
        """Returns the four numbers in the order of OBJECTIVES."""
        return (self.error.value, self.ram_bytes.value, self.flash_bytes.value, self.latency_ms.value)


class Bounds(Record):
    """The limits that a user sets; None sets no limit.

    The sizes of the board's memories are no part of them: `Success.fits` says whether a network fits those.

    Attributes:
        ram_bytes: The largest total RAM.
        flash_bytes: The largest total flash.
        latency_ms: The longest time of one inference in milliseconds.
    """

    ram_bytes: Annotated[int, Field(gt=0)] | None = None
    flash_bytes: Annotated[int, Field(gt=0)] | None = None
    latency_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @property
    def values(self) -> tuple[float, float, float, float]:
        """Returns the limits in the order of OBJECTIVES; infinity stands for no limit, as always for the error."""
        limits = (None, self.ram_bytes, self.flash_bytes, self.latency_ms)
        error, ram, flash, latency = (float("inf") if limit is None else float(limit) for limit in limits)
        return (error, ram, flash, latency)

    def allow(self, objectives: Objectives) -> bool:
        """Returns whether every objective is within its limit."""
        return all(value <= limit for value, limit in zip(objectives.values, self.values, strict=True))
