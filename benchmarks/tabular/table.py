"""Reads and writes the shipped tables: a compressed CSV file for each dataset, which pandas reads, too."""

import csv
import io
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from sparse_mcu.benchmarks.tabular.rows import BOARDS, SHARES, Costs, Row
from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.files import write_atomically

FOLDER = Path(__file__).parents[1] / "baselines" / "tabular"
DATASETS = ("mnist5k", "digits")

_EARLY = tuple(f"error_at_{share:g}" for share in SHARES)
_PLAIN = ("network", "seed", "float_error", "error", "seconds", "weights", "macs")
_COSTS = tuple(Costs.model_fields)
HEADER = (*_PLAIN, *_EARLY, *(f"{board}.{name}" for board in BOARDS for name in _COSTS))
"""The columns: errors after shares of the training and at the end, and the costs on each board."""


def table_path(dataset: str) -> Path:
    """Returns the shipped table of a dataset."""
    return FOLDER / f"{dataset}.csv.xz"


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as a table. Equal rows give equal bytes.

    Args:
        path: The file; its folder must exist.
        rows: The rows.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(map(_cells, rows))
    write_atomically(path, lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))


def read_table(path: Path) -> list[Row]:
    """Returns the rows of a table.

    Raises:
        DataFileError: The file is missing or damaged, or has other columns.
    """
    try:
        text = lzma.decompress(path.read_bytes()).decode()
        return list(_rows(csv.DictReader(io.StringIO(text), strict=True)))
    except (OSError, lzma.LZMAError, UnicodeDecodeError, csv.Error, KeyError, ValidationError) as error:
        raise DataFileError(
            f"this is no table of trained networks: {error}",
            where=str(path),
            fix="Make one: python -m sparse_mcu.benchmarks.tabular make --help",
        ) from error


def _cells(row: Row) -> list[object]:
    costs = [getattr(cost, name) for cost in row.costs for name in _COSTS]
    return [*(getattr(row, name) for name in _PLAIN), *row.early_errors, *costs]


def _rows(reader: Iterator[dict[str, str]]) -> Iterator[Row]:
    for cells in reader:
        yield Row.model_validate(
            {
                **{name: cells[name] for name in _PLAIN},
                "early_errors": [cells[name] for name in _EARLY],
                "costs": [{name: cells[f"{board}.{name}"] for name in _COSTS} for board in BOARDS],
            },
            strict=False,
        )
