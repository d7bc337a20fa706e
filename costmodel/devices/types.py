"""Boards and cores as data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Core:
    """A processor core.

    Attributes:
        name: e.g. "cortex-m4".
        architecture: e.g. "armv7e-m".
        has_dsp: Whether it has the DSP instructions, such as SMLAD and SXTB16.
        has_fpu: Whether it has a floating-point unit. Our int8 firmware never uses it; the ISA check knows it.
        has_hardware_divide: Whether it has UDIV and SDIV.
        has_it_blocks: Whether it has IT, the conditional execution of Thumb-2.
        source: How these facts are known, and from where.
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
    """A contiguous memory that the firmware uses.

    Attributes:
        name: Which of the two it is.
        origin: Its first address.
        size_bytes: Its size.
        source: How the size is known, and from where.
    """

    name: Literal["flash", "ram"]
    origin: int
    size_bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Board:
    """A development board: core, clock, memories, power.

    Attributes:
        name: What users type, e.g. "nucleo-l4r5zi".
        title: Its full name.
        mcu: The microcontroller on it.
        core: The core of that microcontroller.
        clock_hz: The clock at which we quote latency: the highest documented one.
        flash: The memory for code and constants.
        ram: The memory for everything else; the largest contiguous one if a chip has several.
        memory_system: How the core reaches its memories: one of `costmodel.timing.memory_system`.
        wait_states: Wait states of the flash; None for those that the memory system has at `clock_hz`.
        active_power_mw: Power while computing at `clock_hz`, in milliwatts.
        sources: For each figure how it is known, and from where: "documented: DS13560, ...". The keys are those of the
            board file; `sparse_mcu.costmodel.devices.schema.Status` lists the ways of knowing.
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
    memory_system: str = "zero-wait-states"
    wait_states: int | None = None
