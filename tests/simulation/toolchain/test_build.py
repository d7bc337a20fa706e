"""Building firmware: the stack is exact, and nothing is half-written."""

import dataclasses
import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from caches import use_own_cache
from small_firmware import C_START, build_c, linker_script

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.costmodel.devices.types import Core
from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.binary.image import FirmwareImage
from sparse_mcu.simulation.binary.stack_bound import StackBound, stack_bound
from sparse_mcu.simulation.cache.store import LIMIT_VARIABLE
from sparse_mcu.simulation.toolchain.build import build_firmware
from sparse_mcu.simulation.toolchain.protocol import LinkRequest, ObjectFile, Toolchain

M4 = load_board("nucleo-l4r5zi")
MAIN = '#include "code.h"\nint main(void) { return f(3); }\n'
FILES = {
    "start.c": C_START,
    "main.c": MAIN,
    "code.c": '#include "code.h"\nint f(int x) { volatile int a[30]; a[x] = x; return a[1]; }\n',
    "code.h": "int main(void);\nint f(int x);\n",
    "firmware.ld": linker_script(M4),
}


class CountingToolchain:
    """A toolchain that remembers what it was asked."""

    def __init__(self, inner: Toolchain) -> None:
        self._inner = inner
        self.name, self.version = inner.name, inner.version + "-counted"
        self.compiled: list[str] = []
        self.more: tuple[str, ...] = ()
        self.stacks: list[int] = []

    def recipe(self, core: Core) -> tuple[str, ...]:
        """See `Toolchain.recipe`."""
        return *self._inner.recipe(core), *self.more

    def compile(self, source: Path, core: Core, output: Path) -> ObjectFile:
        """See `Toolchain.compile`."""
        self.compiled.append(source.name)
        return self._inner.compile(source, core, output)

    def link(self, request: LinkRequest) -> None:
        """See `Toolchain.link`."""
        self.stacks.append(request.stack_bytes)
        self._inner.link(request)


@pytest.fixture
def counting(toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingToolchain:
    """A counting toolchain with a cache that holds no objects."""
    use_own_cache(tmp_path / "cache", monkeypatch)
    return CountingToolchain(toolchain)


def build(toolchain: Toolchain, folder: Path, **changed: str) -> FirmwareImage:
    """The files above, some of them changed, built for the M4."""
    return build_firmware(
        FILES | {name.replace("_", "."): text for name, text in changed.items()}, M4, folder, toolchain
    )


def test_the_folder_gets_sources_and_elf_and_nothing_else(toolchain: Toolchain, tmp_path: Path) -> None:
    image = build(toolchain, tmp_path / "deep" / "out")
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == {*FILES, "firmware.elf"}
    assert image.path == tmp_path / "deep" / "out" / "firmware.elf"
    assert (image.path.parent / "main.c").read_text() == MAIN


def test_the_stack_is_its_bound_rounded_up(counting: CountingToolchain, tmp_path: Path) -> None:
    image = build(counting, tmp_path / "out")
    bound = stack_bound(image).bytes
    assert bound >= 120
    assert image.sections[".stack"].size_bytes == counting.stacks[-1] == -(-bound // 8) * 8
    assert image.symbols["__stack_top"].address == M4.ram.origin + image.sections[".stack"].size_bytes
    assert int.from_bytes(image.sections[".vectors"].data[:4], "little") == image.symbols["__stack_top"].address


def test_what_is_the_same_is_compiled_once(counting: CountingToolchain, tmp_path: Path) -> None:
    build(counting, tmp_path / "one")
    assert sorted(counting.compiled) == ["code.c", "main.c", "start.c"]
    counting.compiled.clear()
    build(counting, tmp_path / "two")
    assert counting.compiled == []
    assert (tmp_path / "one" / "firmware.elf").read_bytes() == (tmp_path / "two" / "firmware.elf").read_bytes()
    build(counting, tmp_path / "three", start_c=C_START + "/* changed */\n")
    assert counting.compiled == ["start.c"]
    counting.compiled.clear()
    build(counting, tmp_path / "four", code_h=FILES["code.h"] + "/* changed */\n")
    assert sorted(counting.compiled) == ["code.c", "main.c"]
    counting.compiled.clear()
    counting.more = ("-fanother-flag",)
    build(counting, tmp_path / "five")
    assert sorted(counting.compiled) == ["code.c", "main.c", "start.c"]


def test_a_recipe_is_the_compiler_and_all_that_it_is_told(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a flag that is added to either compiler's command changes the key of its objects."""
    told: list[list[str]] = []
    module = sys.modules[type(toolchain).__module__]
    whole = module.run_tool

    def listen(command: list[str | Path], **options: Any) -> str:  # noqa: ANN401 - whatever run_tool takes
        told.append([str(part) for part in command])
        return str(whole(command, **options))

    monkeypatch.setattr(module, "run_tool", listen)
    (tmp_path / "code.c").write_text("int x;\n")
    recipe = toolchain.recipe(M4.core)
    told.clear()
    toolchain.compile(tmp_path / "code.c", M4.core, tmp_path / "code.o")
    home = str(toolchain.program.parent) + "/"  # type: ignore[attr-defined]
    arguments = [part.replace(home, "") for part in told[0][1:]]
    names = {str((tmp_path / "code.o").resolve()): "output", "code.c": "source"}
    arguments = [names.get(part, part).replace("code.c", "source") for part in arguments]
    assert list(recipe[-len(arguments) :]) == arguments
    digests = recipe[: -len(arguments)]
    assert hashlib.sha256(toolchain.program.read_bytes()).hexdigest() == digests[0]  # type: ignore[attr-defined]
    assert all(len(digest) == 64 for digest in digests)
    assert not any(part.startswith("/") for part in recipe)


def test_another_compiler_of_the_same_version_compiles_again(toolchain: Toolchain, tmp_path: Path) -> None:
    program = tmp_path / "another"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    other = dataclasses.replace(toolchain, program=program)  # type: ignore[type-var]
    assert other.recipe(M4.core) != toolchain.recipe(M4.core)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("code_c", "int f(int x) { return x }\n", r"compiling code\.c"),
        ("code_c", '#include "code.h"\n', r"linking firmware\.elf"),
        ("code_c", '#include "code.h"\nint f(int x) { return x > 1 ? 1 + main() : x; }\n', "recursion"),
        ("firmware_ld", "SECTIONS { nonsense", r"linking firmware\.elf"),
    ],
    ids=["compiler", "linker", "stack", "script"],
)
def test_a_failure_leaves_what_was_there(
    toolchain: Toolchain, tmp_path: Path, file: str, text: str, message: str
) -> None:
    before = build(toolchain, tmp_path).sha256
    present = sorted(tmp_path.iterdir())
    with pytest.raises(ToolchainError, match=message):
        build(toolchain, tmp_path, **{file: text})
    assert sorted(tmp_path.iterdir()) == present
    assert build(toolchain, tmp_path).sha256 == before


def test_a_folder_that_cannot_be_made_is_one_clear_line(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ToolchainError, match="build folder cannot be made"):
        build(toolchain, tmp_path / "file" / "out")


def test_a_program_without_a_reset_handler_is_refused(toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="Reset_Handler"):
        build(toolchain, tmp_path, start_c="void nothing(void);\nvoid nothing(void) {}\n")


def test_a_program_is_built_without_a_cache(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    image = build_c("int main(void);\nint main(void) { return 0; }\n", M4, tmp_path, toolchain)
    assert image.sections[".text"].size_bytes > 0


def test_code_that_depends_on_the_stacks_size_is_refused(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = iter([StackBound(64, ("Reset_Handler",), {}), StackBound(80, ("Reset_Handler",), {})])
    monkeypatch.setattr("sparse_mcu.simulation.toolchain.build.stack_bound", lambda _: next(bounds))
    with pytest.raises(ToolchainError, match="64 bytes before and 80 bytes after"):
        build(toolchain, tmp_path)
