"""Tables are written and read without loss, and what is shipped is a table."""

import lzma
from pathlib import Path

import pytest

from sparse_mcu.benchmarks.tabular.pool import BOUNDS, LIMITS
from sparse_mcu.benchmarks.tabular.problem import TASKS
from sparse_mcu.benchmarks.tabular.rows import Row
from sparse_mcu.benchmarks.tabular.table import DATASETS, FOLDER, read_table, table_path, write_table
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.search.space.space import Space


def test_a_table_is_read_as_it_was_written(tmp_path: Path, rows: list[Row]) -> None:
    write_table(tmp_path / "table", rows)
    assert read_table(tmp_path / "table") == rows
    first = (tmp_path / "table").read_bytes()
    write_table(tmp_path / "table", rows)
    assert (tmp_path / "table").read_bytes() == first


@pytest.mark.parametrize(
    "damaged",
    [
        b"no table",
        lzma.compress(b"network,seed\nconv-3x4 dense,1\n"),
        lzma.compress(b"\xff\xfe"),
    ],
)
def test_a_damaged_table_is_an_error_that_names_it(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "table").write_bytes(damaged)
    with pytest.raises(DataFileError, match=r"/table: this is no table"):
        read_table(tmp_path / "table")
    with pytest.raises(DataFileError):
        read_table(tmp_path / "missing")


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_shipped_tables_hold_what_the_pages_say(dataset: str) -> None:
    rows, space = read_table(table_path(dataset)), Space(TASKS[dataset], LIMITS)
    assert len({row.network for row in rows}) > 0.8 * len(rows)
    assert [row.seed for row in rows] == list(range(len(rows)))
    for row in rows[::25]:
        assert space.admits(row.configuration)
        assert row.costs[0].ram_bytes <= BOUNDS.root["ram_bytes"] + 32
        assert row.costs[0].flash_bytes <= 1.05 * BOUNDS.root["flash_bytes"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5_000_000
