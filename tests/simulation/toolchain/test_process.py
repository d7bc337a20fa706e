"""Running tools: every failure is one line."""

import sys
from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.toolchain import process
from sparse_mcu.simulation.toolchain.process import run_tool

pytestmark = pytest.mark.xdist_group("processes")


def python(code: str, folder: Path) -> str:
    """Run Python code as a tool."""
    return run_tool([sys.executable, "-c", code], directory=folder, what="trying", fix="Do better.")


def test_output_comes_back_and_the_directory_holds(tmp_path: Path) -> None:
    assert python("import os; print(os.getcwd())", tmp_path).strip() == str(tmp_path.resolve())


def test_errors_come_before_other_lines_and_are_few(tmp_path: Path) -> None:
    lines = "note: hm\n\na.c:1: error: one\nerror: two\nerror: three\nerror: four"
    code = f"import sys; print({lines!r}, file=sys.stderr); sys.exit(1)"
    with pytest.raises(ToolchainError) as caught:
        python(code, tmp_path)
    assert str(caught.value).endswith("failed: a.c:1: error: one | error: two | error: three. Do better.")
    assert str(caught.value).startswith("trying: ")


def test_what_does_not_fit_is_said_in_the_linkers_words_without_its_folder(tmp_path: Path) -> None:
    lines = (
        "/usr/lib/gcc/arm-none-eabi/12.2.1/../../../arm-none-eabi/bin/ld: a.elf section `.bss' will not fit in region\n"
        "/usr/lib/gcc/arm-none-eabi/12.2.1/../../../arm-none-eabi/bin/ld: region `RAM' overflowed by 23620 bytes\n"
        "collect2: error: ld returned 1 exit status"
    )
    with pytest.raises(ToolchainError) as caught:
        python(f"import sys; print({lines!r}, file=sys.stderr); sys.exit(1)", tmp_path)
    said = "ld: a.elf section `.bss' will not fit in region | ld: region `RAM' overflowed by 23620 bytes"
    assert str(caught.value).endswith(f"failed: {said}. Do better.")


def test_a_repeated_failure_is_told_where_nothing_else_is(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="collect2: error: ld returned 1"):
        python("import sys; print('collect2: error: ld returned 1', file=sys.stderr); sys.exit(1)", tmp_path)


def test_a_silent_failure_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no diagnostics"):
        python("import sys; sys.exit(3)", tmp_path)


def test_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no-such-tool cannot be run"):
        run_tool([tmp_path / "no-such-tool"], directory=tmp_path, what="trying", fix="")


def test_a_tool_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(ToolchainError, match="did not end within"):
        python("import time; time.sleep(30)", tmp_path)
