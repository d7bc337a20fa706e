"""Boards and cores as data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Core:
    """A processor core.

    Attributes:
        name: e.g. "cortex-m4".
        architecture: e.g. "armv7e-m".
        has_dsp: SMLAD, SXTB16 and their kin.
        has_fpu: A hardware floating-point unit; int8 firmware never uses it, the ISA check knows it.
        has_hardware_divide: UDIV and SDIV.
        has_it_blocks: Thumb-2 conditional execution.
        source: Where these facts come from.
    """

    name: str
    architecture: Literal["armv6-m", "armv7-m", "armv7e-m", "armv8-m.main"]
    has_dsp: bool
    has_fpu: bool
    has_hardware_divide: bool
    has_it_blocks: bool
    source: str


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A contiguous memory that the firmware uses."""

    name: Literal["flash", "ram"]
    origin: int
    size_bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Board:
    """A development board: core, clock, memories, power.

    Attributes:
        name: The key users type, e.g. "nucleo-l4r5zi".
        title: Its name in full.
        mcu: The microcontroller on it.
        core: Its core.
        clock_hz: The clock at which latency is quoted; the highest that is documented.
        flash: Where code and constants go.
        ram: Where everything else goes; where a chip has several, the largest contiguous one.
        active_power_mw: Power while computing at `clock_hz`, in milliwatts.
        sources: For each figure, by key of the board file, how it is known and from where: "documented: DS13560, ..."
            (documented, measured, derived or recalled).
    """

    name: str
    title: str
    mcu: str
    core: Core
    clock_hz: int
    flash: MemoryRegion
    ram: MemoryRegion
    active_power_mw: float
    sources: dict[str, str]
