"""Defines the compiler flags that all toolchains share. Code for a board must only differ by its compiler."""

from sparse_mcu.costmodel.devices.types import Core

LANGUAGE = ("-std=c11", "-O2", "-g0", "-ffreestanding")
LAYOUT = ("-ffunction-sections", "-fdata-sections", "-fno-common")
# Without jump tables, every jump but a return has its target in the instruction. So the stack bound can follow it.
ANALYSABLE = (
    "-fstack-usage",
    "-fno-jump-tables",
    "-fno-exceptions",
    "-fomit-frame-pointer",  # blocks scheduled by hand use every register
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
REPRODUCIBLE = ("-ffile-prefix-map=.=",)


def compile_flags(core: Core) -> tuple[str, ...]:
    """Returns the shared flags for `core`. int8 firmware passes no floats, so the ABI is soft everywhere."""
    machine = ("-mthumb", f"-mcpu={core.name}", "-mfloat-abi=soft")
    return (*machine, *LANGUAGE, *LAYOUT, *ANALYSABLE, *WARNINGS, *REPRODUCIBLE)
