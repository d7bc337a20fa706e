"""Records are frozen, refuse unknown fields, and those of data files convert nothing."""

import pytest
from pydantic import ValidationError

from sparse_mcu.costmodel.records import FileRecord, Record


class Point(Record):
    """A result."""

    x: float


class Row(FileRecord):
    """A row of a data file."""

    x: float


@pytest.mark.parametrize("kind", [Point, Row])
def test_a_record_is_frozen_and_knows_its_fields(kind: type[Point | Row]) -> None:
    point = kind.model_validate({"x": 1.5})
    with pytest.raises(ValidationError, match="frozen"):
        point.x = 2.0
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({"x": 1.5, "y": 2.0})


def test_only_a_data_file_is_read_without_conversion() -> None:
    assert Point.model_validate({"x": "1.5"}).x == 1.5
    with pytest.raises(ValidationError, match="valid number"):
        Row.model_validate({"x": "1.5"})
