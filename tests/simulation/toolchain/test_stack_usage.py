"""Stack frames as compilers report them."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import ToolchainError
from sparse_mcu.simulation.toolchain.stack_usage import read_stack_usage


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "model.su"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_frames_are_read_with_and_without_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "model.c:3:12:first\t24\tstatic", "model.c:9:second\t0\tdynamic,bounded")
    assert read_stack_usage(path) == {"first": 24, "second": 0}


def test_of_functions_of_one_name_the_largest_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "a.c:1:1:same\t8\tstatic", "b.c:1:1:same\t80\tstatic", "c.c:1:1:same\t16\tstatic")
    assert read_stack_usage(path) == {"same": 80}


def test_a_frame_without_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"model\.c: wide has a stack frame of unbounded size"):
        read_stack_usage(written(tmp_path, "model.c:1:1:wide\t16\tdynamic"))


def test_a_file_without_functions_has_no_frames(tmp_path: Path) -> None:
    assert read_stack_usage(tmp_path / "none.su") == {}
