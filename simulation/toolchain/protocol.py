"""What a compiler is asked and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparse_mcu.costmodel.devices.types import Core


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """A compiled source file.

    Attributes:
        path: The relocatable object.
        stack_usage: Frame bytes of each of its functions (-fstack-usage).
    """

    path: Path
    stack_usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """One link of a firmware.

    Attributes:
        objects: What to link, in this order.
        script: The linker script.
        core: The core, which chooses the runtime library.
        stack_bytes: Value of the symbol `__stack_size`.
        output: The ELF to write.
    """

    objects: tuple[Path, ...]
    script: Path
    core: Core
    stack_bytes: int
    output: Path


class Toolchain(Protocol):
    """A C cross-compiler for Cortex-M with its linker and runtime library."""

    @property
    def name(self) -> str:
        """E.g. "arm-none-eabi-gcc"."""
        ...

    @property
    def version(self) -> str:
        """E.g. "12.2.1"."""
        ...

    def recipe(self, core: Core) -> tuple[str, ...]:
        """What decides an object file besides its source: the compilers' content and their complete arguments.

        It holds no path of this machine, so that whoever has the same compiler has the same recipe. Headers that
        come with the compiler are taken to be those of its version.
        """
        ...

    def compile(self, source: Path, core: Core, output: Path) -> ObjectFile:
        """Compile `source` (C11, freestanding) to `output`; local headers lie beside the source.

        Raises:
            ToolchainError: The compiler refused it, warnings included, or a frame is not of static size.
        """
        ...

    def link(self, request: LinkRequest) -> None:
        """Link with unused sections dropped and the compiler's runtime library at hand.

        Raises:
            ToolchainError: A symbol is missing, or the linker script does not hold.
        """
        ...
