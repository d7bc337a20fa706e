"""Base classes of everything that is stored or read as a record: results, studies, data files."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record; a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(Record):
    """A table of a data file, where in addition no value is converted to another type."""

    model_config = ConfigDict(strict=True)
