"""Reading ELFs."""

import dataclasses
import hashlib
import sys
from pathlib import Path

import pytest
from small_firmware import C_START, build_c, linker_script

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.image import FirmwareImage, Section, describe_address, executable_code, read_image
from sparse_mcu.simulation.binary.stack_bound import stack_bound
from sparse_mcu.simulation.toolchain.build import build_firmware
from sparse_mcu.simulation.toolchain.protocol import Toolchain

M4 = load_board("nucleo-l4r5zi")

CODE = """
#include <stdint.h>
int main(void);
int32_t initialised = 0x12345678;
volatile int32_t zeroed[4];
const int32_t table[3] = {1, 2, 3};
__attribute__((noinline)) int32_t use_stack(int32_t x);
__attribute__((noinline)) int32_t use_stack(int32_t x) { volatile int32_t a[4]; a[x & 3] = x; return a[0]; }
int main(void) { zeroed[0] = use_stack(3) + initialised + table[zeroed[1] & 1]; initialised = 2; return 0; }
"""


@pytest.fixture
def image(toolchain: Toolchain, tmp_path: Path) -> FirmwareImage:
    """A small program with every kind of section."""
    return build_c(CODE, M4, tmp_path, toolchain)


def test_sections_say_where_they_lie_and_run(image: FirmwareImage) -> None:
    flash, ram = M4.flash, M4.ram
    text, data, bss, stack = (image.sections[name] for name in (".text", ".data", ".bss", ".stack"))
    assert text.executable
    assert flash.origin < text.address == text.load_address < flash.origin + flash.size_bytes
    assert len(text.data) == text.size_bytes > 0
    assert (data.data, data.size_bytes, data.writable) == ((0x12345678).to_bytes(4, "little"), 4, True)
    assert ram.origin < data.address < ram.origin + ram.size_bytes
    assert flash.origin < data.load_address < flash.origin + flash.size_bytes
    assert (bss.data, bss.size_bytes, bss.load_address) == (b"", 16, bss.address)
    assert (stack.data, stack.address, stack.size_bytes % 8) == (b"", ram.origin, 0)
    assert image.sections[".vectors"].address == flash.origin
    assert image.sections[".vectors"].size_bytes == 64


def test_only_what_the_device_holds_is_a_section(image: FirmwareImage) -> None:
    assert set(image.sections) - {".rodata"} == {".vectors", ".text", ".stack", ".data", ".bss"}


def test_symbols_have_the_thumb_bit_cleared(image: FirmwareImage) -> None:
    main, table = image.symbols["main"], image.symbols["zeroed"]
    assert main.is_function
    assert main.address % 2 == 0
    assert main.size_bytes > 0
    assert (table.is_function, table.size_bytes) == (False, 16)
    assert not any(name.startswith("$") for name in image.symbols)


def test_it_is_named_by_its_content_and_maker(image: FirmwareImage, toolchain: Toolchain) -> None:
    assert image.sha256 == hashlib.sha256(image.path.read_bytes()).hexdigest()
    assert (image.toolchain, image.toolchain_version) == (toolchain.name, toolchain.version)
    assert "main" in image.stack_usage


PART = """
int part{name}(int x);
static __attribute__((noinline)) int same(int x) {{ volatile int a[{size}]; a[x & 7] = x; return a[0]; }}
int part{name}(int x) {{ return same(x) + same(x + 1); }}
"""


def test_local_functions_of_one_name_are_both_kept(toolchain: Toolchain, tmp_path: Path) -> None:
    main = "int main(void);\nint part1(int x);\nint part2(int x);\nint main(void) { return part1(1) + part2(2); }\n"
    files = {"start.c": C_START, "main.c": main, "firmware.ld": linker_script(M4)}
    parts = {"one.c": PART.format(name=1, size=10), "two.c": PART.format(name=2, size=20)}
    image = build_firmware(files | parts, M4, tmp_path, toolchain)
    named = [symbol for symbol in image.symbols.values() if symbol.name.startswith("same")]
    assert len({symbol.address for symbol in named}) == 2
    assert image.stack_usage["same"] == max(stack_bound(image).frames[symbol.name] for symbol in named) >= 80


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"not an ELF at all", None], ids=["empty", "magic", "text", "host"]
)
def test_what_is_no_firmware_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "firmware.elf"
    path.write_bytes(Path(sys.executable).read_bytes() if content is None else content)
    with pytest.raises(ToolchainError, match=r"firmware\.elf: the file is not a"):
        read_image(path, toolchain="test", version="0", stack_usage={})


def test_an_object_file_is_no_firmware(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "code.c").write_text("int x;\n")
    compiled = toolchain.compile(tmp_path / "code.c", M4.core, tmp_path / "code.o")
    with pytest.raises(ToolchainError, match="not a linked"):
        read_image(compiled.path, toolchain="test", version="0", stack_usage={})


def test_addresses_are_described_by_what_lies_there(image: FirmwareImage) -> None:
    main, data = image.symbols["main"].address, image.symbols["zeroed"].address
    assert describe_address(image, main) == f"{main:#x} (main)"
    assert describe_address(image, main + 2) == f"{main + 2:#x} (main+0x2)"
    assert describe_address(image, data + 4) == f"{data + 4:#x} (zeroed+0x4)"
    assert describe_address(image, 0x60000000) == "0x60000000"


def section(address: int, data: bytes, *, executable: bool = True) -> Section:
    """A section in flash."""
    return Section(f".s{address:x}", address, address, len(data), data, executable, writable=False)


def test_executable_code_is_contiguous(image: FirmwareImage) -> None:
    parts = [section(0x100, b"abcd"), section(0x110, b"ef"), section(0x120, b"data", executable=False)]
    joined = dataclasses.replace(image, sections={part.name: part for part in parts})
    assert executable_code(joined) == (0x100, b"abcd" + bytes(12) + b"ef")


def test_no_code_is_an_error(image: FirmwareImage) -> None:
    with pytest.raises(ToolchainError, match="no executable section"):
        executable_code(dataclasses.replace(image, sections={}))
