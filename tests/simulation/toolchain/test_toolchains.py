"""What every toolchain must do."""

import re
from pathlib import Path

import pytest
from small_firmware import build_c

from sparse_mcu.costmodel.devices import all_boards, load_board, load_core
from sparse_mcu.costmodel.devices.catalogue import core_names
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.toolchain.protocol import Toolchain

M4 = load_board("nucleo-l4r5zi")

RUNTIME = """
#include <stdint.h>
int main(void);
volatile uint64_t a;
volatile int64_t b;
volatile uint32_t c;
volatile int32_t d;
int main(void)
{
    a = a * a + a / (a + 1u) + a % 10u;
    b = b / 3 + (b << (c & 31u)) + (b >> (c & 31u));
    c = c / (c + 1u) + c % 7u + (uint32_t)__builtin_clz(c | 1u);
    d = d / (d | 1) + d % (d | 3);
    return 0;
}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Where a test writes its C file."""
    return tmp_path / "code.c"


def test_it_has_a_name_and_a_version(toolchain: Toolchain) -> None:
    assert toolchain.name
    assert re.match(r"\d+\.\d+", toolchain.version)


@pytest.mark.parametrize("core", core_names())
def test_it_compiles_for_each_core_and_reports_frames(toolchain: Toolchain, source: Path, core: str) -> None:
    headers = "#include <stdint.h>\n#include <arm_acle.h>\n"
    source.write_text(headers + "int32_t f(int32_t x);\nint32_t f(int32_t x) { return x; }\n")
    compiled = toolchain.compile(source, load_core(core), source.with_suffix(".o"))
    assert compiled.stack_usage == {"f": 0}
    assert compiled.path.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_it_knows_the_instructions_of_cores_with_dsp(toolchain: Toolchain, source: Path, core: str) -> None:
    source.write_text(
        "#include <arm_acle.h>\nint32_t f(int16x2_t a, int16x2_t b, int32_t c);\n"
        "int32_t f(int16x2_t a, int16x2_t b, int32_t c) { return __smlad(a, b, c); }\n"
    )
    assert toolchain.compile(source, load_core(core), source.with_suffix(".o")).path.exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("int f(void) { return 1 }", "compiling code.c.*expected"),
        ("#include <stdint.h>\nint8_t f(int32_t x);\nint8_t f(int32_t x) { return x; }", "conversion"),
        ("static int f(void) { return 1; }", "unused"),
        ("#include <stdio.h>\n", r"stdio\.h"),
    ],
    ids=["syntax", "conversion", "unused", "hosted header"],
)
def test_what_it_refuses_is_one_clear_line(toolchain: Toolchain, source: Path, code: str, message: str) -> None:
    if "stdio" in code and toolchain.name != "zig":
        pytest.skip("a C library may be installed beside this compiler")
    source.write_text(code)
    with pytest.raises(ToolchainError, match=message) as caught:
        toolchain.compile(source, M4.core, source.with_suffix(".o"))
    assert "\n" not in str(caught.value)


def test_a_frame_without_bound_is_refused(toolchain: Toolchain, source: Path) -> None:
    source.write_text("void g(char *p);\nvoid f(unsigned n);\nvoid f(unsigned n) { char a[n + 1u]; g(a); }\n")
    with pytest.raises(ToolchainError, match=r"code\.c: f has a stack frame of unbounded size"):
        toolchain.compile(source, M4.core, source.with_suffix(".o"))


def test_a_missing_function_is_named(toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"linking firmware\.elf.*nowhere"):
        build_c("int main(void);\nint nowhere(void);\nint main(void) { return nowhere(); }\n", M4, tmp_path, toolchain)


@pytest.mark.parametrize("board_name", ["microbit", "bluepill", "nucleo-l4r5zi", "nucleo-f746zg", "nucleo-u575zi-q"])
def test_the_runtime_library_has_what_compilers_call(toolchain: Toolchain, tmp_path: Path, board_name: str) -> None:
    image = build_c(RUNTIME, load_board(board_name), tmp_path, toolchain)
    assert "__aeabi_uldivmod" in image.symbols
    assert ("__aeabi_lmul" in image.symbols) == (board_name == "microbit")


def test_unused_functions_are_dropped(toolchain: Toolchain, tmp_path: Path) -> None:
    code = "int main(void);\nint unused(int x);\nint unused(int x) { return x / 3; }\nint main(void) { return 0; }\n"
    assert "unused" not in build_c(code, M4, tmp_path, toolchain).symbols


def test_builds_are_reproducible(toolchain: Toolchain, tmp_path: Path) -> None:
    images = [build_c(RUNTIME, M4, tmp_path / name, toolchain) for name in ("here", "there/deeper")]
    assert images[0].path.read_bytes() == images[1].path.read_bytes()
    assert images[0].sha256 == images[1].sha256
    assert str(tmp_path).encode() not in images[0].path.read_bytes()


def test_every_board_has_a_core_that_it_compiles_for() -> None:
    assert {board.core.name for board in all_boards()} <= set(core_names())
