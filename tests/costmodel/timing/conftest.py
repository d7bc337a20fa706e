"""An assembler, and runs made by hand."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from sparse_mcu.costmodel.timing import Profile

START = 0x08000100
CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")

Assemble = Callable[[str, str], bytes]
MakeProfile = Callable[[bytes, Mapping[int, int], Mapping[int, int]], Profile]


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Assemble:
    """Bytes of a snippet for a core; branches within it must be local labels."""
    folder = tmp_path_factory.mktemp("assembler")

    @cache
    def run(core: str, text: str) -> bytes:
        source, target = folder / "snippet.s", folder / "snippet.o"
        source.write_text(f".syntax unified\n.thumb\n{text}\n")
        subprocess.run([*_assembler(core), "-c", source, "-o", target], check=True, cwd=folder)
        return _text(target)

    return run


@pytest.fixture
def make_profile() -> MakeProfile:
    """A profile with one phase, from {byte offset: executions} and {byte offset: taken}."""

    def make(code: bytes, executed: Mapping[int, int], taken: Mapping[int, int]) -> Profile:
        counts = np.zeros((2, 1, len(code) // 2), np.uint64)
        for row, given in zip(counts, (executed, taken), strict=True):
            for offset, count in given.items():
                row[0, offset // 2] = count
        return Profile(START, counts[0], counts[1])

    return make


def _assembler(core: str) -> list[str]:
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc:
        return [gcc, f"-mcpu={core}", "-mthumb"]
    return [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-target",
        "thumb-freestanding-eabi",
        f"-mcpu={core.replace('-', '_')}",
    ]


def _text(target: Path) -> bytes:
    section = ELFFile(BytesIO(target.read_bytes())).get_section_by_name(".text")
    return bytes(section.data())
