"""Linked firmware: sections, symbols and bytes of an ELF."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Section:
    """An allocated section.

    Attributes:
        name: e.g. ".text".
        address: Where it runs.
        load_address: Where its bytes lie in flash (differs for .data).
        size_bytes: Its size.
        data: Its bytes; empty where nothing is loaded (.bss, .arena, .stack).
        executable: Whether it holds code.
        writable: Whether it lies in RAM.
    """

    name: str
    address: int
    load_address: int
    size_bytes: int
    data: bytes
    executable: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named address; the Thumb bit is cleared."""

    name: str
    address: int
    size_bytes: int
    is_function: bool


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """A linked ELF.

    Attributes:
        path: The ELF file.
        sha256: Hash of the file, hex.
        toolchain: Name of the compiler, e.g. "arm-none-eabi-gcc".
        toolchain_version: Its version.
        sections: Allocated sections, by name.
        symbols: By name.
        stack_usage: Frame bytes of each function as the compiler reports it (-fstack-usage).
    """

    path: Path
    sha256: str
    toolchain: str
    toolchain_version: str
    sections: Mapping[str, Section]
    symbols: Mapping[str, Symbol]
    stack_usage: Mapping[str, int]
