"""Finds the instructions of an object file or a program by its mapping symbols."""

from collections.abc import Iterator
from itertools import pairwise

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile


def code_marks(elf: ELFFile, section_index: int) -> list[tuple[int, bool]]:
    """(address, whether code begins there), from the mapping symbols $t and $d of a section."""
    symbols = elf.get_section_by_name(".symtab").iter_symbols()
    marks = [
        (symbol["st_value"], symbol.name.startswith("$t"))
        for symbol in symbols
        if symbol["st_shndx"] == section_index and symbol.name[:2] in {"$t", "$d"}
    ]
    return sorted(marks)


def all_code(elf: ELFFile) -> Iterator[tuple[int, bytes, list[int]]]:
    """(address, bytes, halfwords where instructions begin) of each executable section."""
    for index, section in enumerate(elf.iter_sections()):
        if not section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR or not section["sh_size"]:
            continue
        address, data = section["sh_addr"], section.data()
        marks = [*code_marks(elf, index), (address + len(data), False)]
        starts = []
        for (begin, is_code), (end, _) in pairwise(marks):
            at = begin - address
            while is_code and at < end - address:
                starts.append(at // 2)
                at += 4 if data[at + 1] >> 3 >= 0b11101 else 2
        yield address, data, starts
