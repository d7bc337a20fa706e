"""Fills memory before the first instruction, and measures the stack by its paint afterwards."""

import struct
from collections.abc import Callable, Iterator

import numpy as np

from sparse_mcu.costmodel.errors import EngineError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.engines.protocol import RunRequest

FAULT_SYMBOL = "firmware_fault"
PAINT = 0xC5
_VECTORS = struct.Struct("<II")


def initial_contents(request: RunRequest) -> Iterator[tuple[int, bytes]]:
    """Yields address and bytes of everything that is put into memory: sections, inputs, and paint on the stack.

    Later ones overwrite earlier ones.

    Raises:
        EngineError: Something lies outside the board's memories.
    """
    for section in request.image.sections.values():
        yield _placed(request, section.load_address, section.data, f"section {section.name}")
    for address, data in request.writes.items():
        yield _placed(request, address, data, "an input")
    if stack := request.image.sections.get(".stack"):
        yield _placed(request, stack.address, bytes([PAINT]) * stack.size_bytes, "section .stack")


def _placed(request: RunRequest, address: int, data: bytes, what: str) -> tuple[int, bytes]:
    regions = request.board.flash, request.board.ram
    if data and not any(r.origin <= address and address + len(data) <= r.origin + r.size_bytes for r in regions):
        raise EngineError(
            f"{what} of {len(data)} bytes at {address:#x} lies outside the board's memories",
            where=request.image.path.name,
            fix="Link the firmware for this board.",
        )
    return address, data


def reset_vectors(image: FirmwareImage) -> tuple[int, int]:
    """Reads the initial stack pointer and the entry from the vector table. The entry's Thumb bit is cleared.

    Raises:
        EngineError: There is no vector table.
    """
    vectors = image.sections.get(".vectors")
    if vectors is None or len(vectors.data) < _VECTORS.size:
        raise EngineError("the firmware has no vector table", where=image.path.name, fix="Link a section .vectors.")
    stack_pointer, entry = _VECTORS.unpack_from(vectors.data)
    return int(stack_pointer), int(entry) & ~1


def stack_used_bytes(image: FirmwareImage, read: Callable[[int, int], bytes]) -> int:
    """Returns the bytes from the lowest one that lost its paint to the top of the stack; 0 without a stack.

    Args:
        image: The firmware.
        read: Returns the machine's memory after the run, by address and size.
    """
    section = image.sections.get(".stack")
    if section is None:
        return 0
    stack = np.frombuffer(read(section.address, section.size_bytes), np.uint8)
    written = np.flatnonzero(stack != PAINT)
    return len(stack) - int(written[0]) if written.size else 0
