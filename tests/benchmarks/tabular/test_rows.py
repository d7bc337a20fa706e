"""The log of a table outlives a process that is killed while it writes."""

from pathlib import Path

import pytest

from sparse_mcu.benchmarks.tabular.rows import Log, Row
from sparse_mcu.costmodel.errors import SparseMcuError


def test_a_log_is_read_again(tmp_path: Path, rows: list[Row]) -> None:
    log = Log(tmp_path / "log")
    assert log.rows == []
    log.append(rows[:2])
    log.append(rows[2:3])
    assert Log(tmp_path / "log").rows == log.rows == rows[:3]


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_line_is_cut_off_and_written_again(tmp_path: Path, rows: list[Row], kept: int) -> None:
    Log(tmp_path / "log").append(rows[:2])
    whole = (tmp_path / "log").read_bytes()
    first = whole.index(b"\n") + 1
    (tmp_path / "log").write_bytes(whole[:first] + whole[first:][:kept])
    log = Log(tmp_path / "log")
    assert log.rows == rows[:1]
    log.append(rows[1:2])
    assert (tmp_path / "log").read_bytes() == whole


def test_a_line_that_is_no_row_is_an_error(tmp_path: Path, rows: list[Row]) -> None:
    (tmp_path / "log").write_text(f"nonsense\n{rows[0].model_dump_json()}\n", encoding="utf-8")
    with pytest.raises(SparseMcuError, match="no row"):
        Log(tmp_path / "log")


def test_a_row_knows_its_configuration(rows: list[Row]) -> None:
    assert rows[0].configuration.blocks or rows[0].network
