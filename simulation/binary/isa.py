"""Checks that firmware holds only instructions that the board's core has.

Emulated cores execute more than the real ones, so a run proves nothing here. The file isa.toml lists what a core has.
Everything that it does not list is refused. The ELF's mapping symbols tell code from literal pools. So all linked
code is checked, whether it runs or not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sparse_mcu.costmodel.devices.schema import read_toml
from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import InstructionSetError
from sparse_mcu.costmodel.records import FileRecord
from sparse_mcu.costmodel.timing.thumb import instruction_lengths, thumb_decoder
from sparse_mcu.simulation.binary.image import FirmwareImage, describe_address, executable_code

_INCLUDED = {
    "armv6-m": ("armv6-m",),
    "armv7-m": ("armv6-m", "armv7-m"),
    "armv7e-m": ("armv6-m", "armv7-m"),
    "armv8-m.main": ("armv6-m", "armv7-m", "armv8-m.main"),
}


class GroupFile(FileRecord):
    """Describes encodings that need the same feature: the name of an architecture, or of a feature of `features`."""

    needs: str
    source: Annotated[str, Field(min_length=1)]
    patterns: Annotated[list[Annotated[str, Field(pattern="^[01x]{16}( [01x]{16})?$")]], Field(min_length=1)]


class InstructionSetFile(FileRecord):
    """Describes the file simulation/binary/isa.toml."""

    group: Annotated[list[GroupFile], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Describes instructions of one form: all encodings that equal `value` under `mask`.

    Attributes:
        needs: The feature that a core must have.
        wide: Whether it has two halfwords. The first one is the more significant in `mask` and `value`.
        mask: Which bits are fixed.
        value: The fixed bits.
    """

    needs: str
    wide: bool
    mask: int
    value: int


@cache
def load_encodings() -> tuple[Encoding, ...]:
    """Returns every known encoding, the least specific first.

    Raises:
        DataFileError: The file is broken.
    """
    file = read_toml(files("sparse_mcu.simulation.binary") / "isa.toml", InstructionSetFile)
    found = [_encoding(pattern, group.needs) for group in file.group for pattern in group.patterns]
    return tuple(sorted(found, key=lambda encoding: encoding.mask.bit_count()))


def _encoding(pattern: str, needs: str) -> Encoding:
    bits = pattern.replace(" ", "")
    mask = int(bits.replace("0", "1").replace("x", "0"), 2)
    return Encoding(needs, len(bits) > 16, mask, int(bits.replace("x", "0"), 2))  # noqa: PLR2004 - bits of a halfword


def features(core: Core) -> frozenset[str]:
    """Returns what `core` has, in the words of isa.toml."""
    optional = {
        "it-blocks": core.has_it_blocks,
        "divide": core.has_hardware_divide,
        "dsp": core.has_dsp,
        "fpu": core.has_fpu,
    }
    return frozenset((*_INCLUDED[core.architecture], *(name for name, present in optional.items() if present)))


def is_instruction(encodings: npt.NDArray[np.uint32], core: Core, *, wide: bool) -> npt.NDArray[np.bool_]:
    """Tells whether `core` has each of these instructions.

    Args:
        encodings: One halfword each. If `wide`, two halfwords, the first one more significant.
        core: The core.
        wide: Whether the instructions have two halfwords.
    """
    present = features(core)
    known = np.zeros(encodings.shape, bool)
    for form in load_encodings():
        if form.wide is wide:
            known[(encodings & form.mask) == form.value] = form.needs in present
    return known


def foreign_instructions(image: FirmwareImage, core: Core) -> list[int]:
    """Returns the addresses of the instructions that `core` does not have, ascending."""
    code_start, code = executable_code(image)
    halfwords = np.frombuffer(code + bytes(4), "<u2", count=len(code) // 2 + 1).astype(np.uint32)
    lengths = instruction_lengths(code)
    starts = np.array(list(_instruction_starts(lengths.tolist(), image.instructions, code_start)), np.intp)
    wide = lengths[starts] == 2  # noqa: PLR2004 - halfwords
    narrow, pairs = starts[~wide], starts[wide]
    foreign = (
        narrow[~is_instruction(halfwords[narrow], core, wide=False)],
        pairs[~is_instruction((halfwords[pairs] << 16 | halfwords[pairs + 1]).astype(np.uint32), core, wide=True)],
    )
    return sorted((code_start + 2 * np.concatenate(foreign)).tolist())


def _instruction_starts(lengths: Sequence[int], ranges: Iterable[range], code_start: int) -> Iterator[int]:
    """Yields the indices of the halfwords that begin an instruction, within the given ranges of addresses."""
    for addresses in ranges:
        at, end = (addresses.start - code_start) // 2, (addresses.stop - code_start) // 2
        while at < end:
            yield at
            at += lengths[at]


def check_instruction_set(image: FirmwareImage, core: Core) -> None:
    """Refuses firmware with instructions that `core` does not have.

    Raises:
        InstructionSetError: There is such an instruction. The message names its address, symbol and text.
    """
    if foreign := foreign_instructions(image, core):
        place = describe_address(image, foreign[0])
        more = f", and {len(foreign) - 1} more" if foreign[1:] else ""
        raise InstructionSetError(
            f"{core.name} has no instruction '{_text(image, foreign[0])}' at {place}{more}",
            where=image.path.name,
            fix=f"Compile for {core.name}, inline assembly included. If the core does have this instruction, add it to "
            "simulation/binary/isa.toml.",
        )


def _text(image: FirmwareImage, address: int) -> str:
    """Returns the instruction in words, or its bytes if it cannot be decoded."""
    code_start, code = executable_code(image)
    window = code[address - code_start :][:4]
    decoded = thumb_decoder().disasm_lite(window, address, 1)
    return next((f"{mnemonic} {operands}".strip() for _, _, mnemonic, operands in decoded), f".inst {window.hex()}")
