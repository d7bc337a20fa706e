"""Defines what a compiler is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.costmodel.devices.types import Core


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """Describes a compiled source file.

    Attributes:
        path: The relocatable object.
        stack_usage: Frame bytes of each of its functions (-fstack-usage).
    """

    path: Path
    stack_usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """Describes one link of a firmware.

    Attributes:
        objects: What to link, in this order.
        script: The linker script.
        core: The core. It decides the runtime library.
        stack_bytes: Value of the symbol `__stack_size`.
        output: The ELF to write.
    """

    objects: tuple[Path, ...]
    script: Path
    core: Core
    stack_bytes: int
    output: Path


class Toolchain(Protocol):
    """Compiles and links C for Cortex-M, with a runtime library."""

    @property
    def name(self) -> str:
        """For example "arm-none-eabi-gcc"."""
        ...

    @property
    def version(self) -> str:
        """For example "12.2.1"."""
        ...

    def recipe(self, core: Core) -> tuple[str, ...]:
        """Returns what decides an object file besides its source: the compilers' content and their complete arguments.

        It holds no path of this machine, so whoever has the same compiler has the same recipe. Headers that come with
        the compiler are assumed to be those of its version.
        """
        ...

    def compile(self, source: Path, core: Core, output: Path) -> ObjectFile:
        """Compiles `source` (C11, freestanding) to `output`. Local headers lie beside the source.

        Raises:
            ToolchainError: The compiler refused it, or warned, or a frame is not of static size.
        """
        ...

    def link(self, request: LinkRequest) -> None:
        """Links with the compiler's runtime library, and drops unused sections.

        Raises:
            ToolchainError: A symbol is missing, or a section does not fit the linker script's memories.
        """
        ...
