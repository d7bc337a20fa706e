"""Reads linked firmware: sections, symbols and bytes of an ELF."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section as ELFSection
from elftools.elf.sections import SymbolTableSection

from sparse_mcu.costmodel.errors import ToolchainError


@dataclass(frozen=True, slots=True)
class Section:
    """Describes an allocated section.

    Attributes:
        name: For example ".text".
        address: Where it lies at run time.
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
    """Describes a named address. The Thumb bit is cleared."""

    name: str
    address: int
    size_bytes: int
    is_function: bool


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """Describes a linked ELF.

    Attributes:
        path: The ELF file.
        sha256: Hash of the file, hex.
        toolchain: Name of the compiler, e.g. "arm-none-eabi-gcc".
        toolchain_version: Version of the compiler.
        sections: Allocated sections, by name.
        symbols: Symbols, by name.
        stack_usage: Frame bytes of each function as the compiler reports them (-fstack-usage).
        instructions: Address ranges of the executable sections that hold instructions, not literal pools, ascending.
    """

    path: Path
    sha256: str
    toolchain: str
    toolchain_version: str
    sections: Mapping[str, Section]
    symbols: Mapping[str, Symbol]
    stack_usage: Mapping[str, int]
    instructions: tuple[range, ...] = ()


def read_image(path: Path, *, toolchain: str, version: str, stack_usage: Mapping[str, int]) -> FirmwareImage:
    """Reads a linked ELF.

    Args:
        path: The ELF.
        toolchain: Name of the compiler that made it.
        version: Version of that compiler.
        stack_usage: Frame bytes by function, as the compiler reported them.

    Raises:
        ToolchainError: The file is not a 32-bit little-endian Arm executable.
    """
    content = path.read_bytes()
    try:
        elf = ELFFile(io.BytesIO(content))
        _check_target(elf, path)
        sections = {section.name: section for section in _sections(elf)}
        symbols = _symbols(elf)
        instructions = tuple(_instruction_ranges(elf, sections.values()))
    except ELFError as error:
        raise ToolchainError(
            f"the file is not a readable ELF: {error}", where=path.name, fix="Build the firmware again."
        ) from error
    digest = sha256(content).hexdigest()
    return FirmwareImage(path, digest, toolchain, version, sections, symbols, stack_usage, instructions)


def _check_target(elf: ELFFile, path: Path) -> None:
    got = elf["e_machine"], elf.elfclass, elf.little_endian, elf["e_type"]
    if got != ("EM_ARM", 32, True, "ET_EXEC"):
        raise ToolchainError(f"the file is not a linked 32-bit little-endian Arm ELF but {got}", where=path.name)


def _sections(elf: ELFFile) -> Iterator[Section]:
    """Yields the allocated sections that are not empty, by address."""
    allocated = [s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC and s["sh_size"]]
    for section in sorted(allocated, key=lambda s: int(s["sh_addr"])):
        flags = section["sh_flags"]
        yield Section(
            name=section.name,
            address=section["sh_addr"],
            load_address=_load_address(elf, section),
            size_bytes=section["sh_size"],
            data=b"" if section["sh_type"] == "SHT_NOBITS" else section.data(),
            executable=bool(flags & SH_FLAGS.SHF_EXECINSTR),
            writable=bool(flags & SH_FLAGS.SHF_WRITE),
        )


def _load_address(elf: ELFFile, section: ELFSection) -> int:
    """Returns where the section's bytes lie before start-up: the physical address of its segment."""
    if section["sh_type"] != "SHT_NOBITS":
        for segment in elf.iter_segments("PT_LOAD"):
            if segment.section_in_segment(section):
                return int(segment["p_paddr"] + section["sh_addr"] - segment["p_vaddr"])
    return int(section["sh_addr"])


def _symbols(elf: ELFFile) -> dict[str, Symbol]:
    """Returns functions, objects and the linker script's marks. A second symbol of one name becomes "name@address"."""
    table = elf.get_section_by_name(".symtab")
    symbols: dict[str, Symbol] = {}
    for entry in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        kind, address = entry["st_info"]["type"], int(entry["st_value"])
        mapping = entry.name.startswith("$")  # $t and $d mark where code and data begin, and name nothing
        if entry["st_shndx"] == "SHN_UNDEF" or kind in {"STT_SECTION", "STT_FILE"} or not entry.name or mapping:
            continue
        is_function = kind == "STT_FUNC"
        symbol = Symbol(entry.name, address & ~1 if is_function else address, int(entry["st_size"]), is_function)
        known = symbols.setdefault(entry.name, symbol)
        if known.address != symbol.address:
            symbols[f"{entry.name}@{symbol.address:#x}"] = symbol
    return symbols


def _instruction_ranges(elf: ELFFile, sections: Iterable[Section]) -> Iterator[range]:
    """Yields what the mapping symbols call Thumb code: from each $t to the next mark.

    Bytes before the first mark count as code. Source: ELF for the Arm Architecture, IHI 0044, section 5.5.5.
    """
    table = elf.get_section_by_name(".symtab")
    entries = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
    marks = sorted((int(entry["st_value"]), entry.name[:2]) for entry in entries if entry.name[:2] in {"$t", "$d"})
    for section in sections:
        if section.executable:
            end = section.address + section.size_bytes
            own = [(section.address, "$t"), *(mark for mark in marks if section.address <= mark[0] < end), (end, "")]
            yield from (
                range(start, stop) for (start, kind), (stop, _) in pairwise(own) if kind == "$t" and start < stop
            )


def describe_address(image: FirmwareImage, address: int) -> str:
    """Returns an address with the function or object in which it lies, e.g. "0x8000124 (model_run+0x10)"."""
    nearest = max(
        (symbol for symbol in image.symbols.values() if symbol.address <= address < symbol.address + symbol.size_bytes),
        key=lambda symbol: (symbol.address, symbol.is_function),
        default=None,
    )
    if nearest is None:
        return f"{address:#x}"
    offset = address - nearest.address
    return f"{address:#x} ({nearest.name}{f'+{offset:#x}' if offset else ''})"


def executable_code(image: FirmwareImage) -> tuple[int, bytes]:
    """Returns address and bytes of all executable sections, with gaps filled with zeros.

    Raises:
        ToolchainError: There are no executable sections.
    """
    sections = [section for section in image.sections.values() if section.executable and section.data]
    if not sections:
        raise ToolchainError("there is no executable section", where=image.path.name, fix="Link some code.")
    start = min(section.address for section in sections)
    code = bytearray(max(section.address + section.size_bytes for section in sections) - start)
    for section in sections:
        offset = section.address - start
        code[offset : offset + section.size_bytes] = section.data
    return start, bytes(code)
