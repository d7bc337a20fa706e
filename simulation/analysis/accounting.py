"""Accounts for every byte of RAM and flash by name: predicts them from the sources, and checks them against the ELF."""

from sparse_mcu.costmodel.devices.types import Board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.costmodel.report import FlashReport, RamReport, Shortfall, SizedItem
from sparse_mcu.simulation.binary.image import FirmwareImage, Section
from sparse_mcu.simulation.firmware.source import FirmwareSource

_LARGEST_SHOWN = 8


def predicted_ram(source: FirmwareSource, board: Board) -> RamReport:
    """Returns the RAM that is known before compiling: everything but the stack."""
    return RamReport(
        total_bytes=None,
        arena_bytes=source.plan.arena_bytes,
        static_bytes=source.static_bytes,
        stack_bytes=None,
        capacity_bytes=board.ram.size_bytes,
    )


def predicted_flash(source: FirmwareSource, board: Board) -> FlashReport:
    """Returns the flash that is known before compiling: everything but the code."""
    return FlashReport(
        total_bytes=None,
        code_bytes=None,
        weights_bytes=source.weights_bytes,
        constants_bytes=source.constants_bytes,
        vectors_bytes=source.vectors_bytes,
        data_bytes=0,
        capacity_bytes=board.flash.size_bytes,
    )


def linked_ram(image: FirmwareImage, board: Board) -> RamReport:
    """Returns the RAM of the linked firmware, section by section. `padding_bytes` counts the gaps of alignment."""
    sections = [section for section in _in_ram(image, board) if section.size_bytes]
    sizes = {section.name: section.size_bytes for section in sections}
    total = max((s.address + s.size_bytes for s in sections), default=board.ram.origin) - board.ram.origin
    arena, stack = sizes.pop(".arena", 0), sizes.pop(".stack", 0)
    return RamReport(
        total_bytes=total,
        arena_bytes=arena,
        static_bytes=sum(sizes.values()),
        stack_bytes=stack,
        padding_bytes=total - arena - stack - sum(sizes.values()),
        capacity_bytes=board.ram.size_bytes,
    )


def linked_flash(image: FirmwareImage, board: Board) -> FlashReport:
    """Returns the flash of the linked firmware, section by section. Sections without an entry of their own are code."""
    sections = [section for section in image.sections.values() if section.data]
    sizes = {section.name: section.size_bytes for section in sections}
    total = max(s.load_address + s.size_bytes for s in sections) - board.flash.origin
    named = {name: sizes.pop(name, 0) for name in (".weights", ".constants", ".vectors", ".data")}
    code = sum(sizes.values())
    return FlashReport(
        total_bytes=total,
        code_bytes=code,
        weights_bytes=named[".weights"],
        constants_bytes=named[".constants"],
        vectors_bytes=named[".vectors"],
        data_bytes=named[".data"],
        padding_bytes=total - code - sum(named.values()),
        capacity_bytes=board.flash.size_bytes,
    )


def check_prediction(source: FirmwareSource, image: FirmwareImage, board: Board) -> None:
    """Compares the predicted sizes of all sections with the ELF, to the byte.

    Raises:
        ToolchainError: A section differs. Then no result is given, because it would not be exact.
    """
    expected = {
        ".arena": source.plan.arena_bytes,
        ".weights": source.weights_bytes,
        ".constants": source.constants_bytes,
        ".vectors": source.vectors_bytes,
    }
    found = {name: _size(image.sections.get(name)) for name in expected}
    expected["static data"], found["static data"] = source.static_bytes, linked_ram(image, board).static_bytes
    for name, size in expected.items():
        if found[name] != size:
            raise ToolchainError(
                f"section {name} was predicted to take {size} bytes, but {image.toolchain} linked {found[name]}",
                where=str(image.path.name),
                fix="This is a defect of sparse-mcu: please report it with the model and the compiler's version.",
            )


def shortfalls(source: FirmwareSource, ram: RamReport, flash: FlashReport) -> list[Shortfall]:
    """Lists the memories that are too small, by how much, and what fills them, largest first.

    Without a build, the sums lack code and stack. So a shortfall is certain then, but the absence of one is not.
    """
    ram_items = [SizedItem(name=name, size_bytes=size) for name, size in _live_at_peak(source)]
    for name, bytes_ in (("(stack)", ram.stack_bytes), ("(static data)", ram.static_bytes)):
        ram_items += [SizedItem(name=name, size_bytes=bytes_)] if bytes_ else []
    flash_items = [SizedItem(name=constant.symbol, size_bytes=constant.size_bytes) for constant in source.constants]
    flash_items += [SizedItem(name="(code)", size_bytes=flash.code_bytes)] if flash.code_bytes else []
    ram_used = ram.total_bytes or ram.arena_bytes + ram.static_bytes
    flash_used = flash.total_bytes or flash.weights_bytes + flash.constants_bytes + flash.vectors_bytes
    found: list[Shortfall] = []
    if ram_used > ram.capacity_bytes:
        excess = ram_used - ram.capacity_bytes
        found.append(Shortfall(memory="ram", excess_bytes=excess, items=_largest(ram_items)))
    if flash_used > flash.capacity_bytes:
        excess = flash_used - flash.capacity_bytes
        found.append(Shortfall(memory="flash", excess_bytes=excess, items=_largest(flash_items)))
    return found


def _live_at_peak(source: FirmwareSource) -> list[tuple[str, int]]:
    step = source.plan.schedule.index(source.plan.peak_step) if source.plan.schedule else 0
    return [(b.name, b.size_bytes) for b in source.plan.buffers if b.start <= step < b.end]


def _largest(items: list[SizedItem]) -> list[SizedItem]:
    return sorted(items, key=lambda item: (-item.size_bytes, item.name))[:_LARGEST_SHOWN]


def _size(section: Section | None) -> int:
    return 0 if section is None else section.size_bytes


def _in_ram(image: FirmwareImage, board: Board) -> list[Section]:
    """Returns the sections in RAM.

    Their addresses tell, because RAM lies above flash on every Cortex-M. Section flags differ between linkers.
    """
    return [section for section in image.sections.values() if section.address >= board.ram.origin]
