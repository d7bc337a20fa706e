"""Checks what a board file and a core file must hold. No other code checks it again."""

import tomllib
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from sparse_mcu.costmodel.errors import DataFileError
from sparse_mcu.costmodel.records import FileRecord

Status = Literal["documented", "measured", "derived", "inferred", "recalled"]
"""How a fact is known.

documented: read in the document that `source` names; measured: by somebody; derived: computed from such facts;
inferred: concluded from how similar hardware behaves; recalled: from memory, without a document.
"""

Value = TypeVar("Value")
Model = TypeVar("Model", bound=BaseModel)


class Sourced(FileRecord):
    """Something that states how it is known, and from where."""

    status: Status
    source: Annotated[str, Field(min_length=1)]

    def cite(self) -> str:
        """Returns status and source in one line."""
        return f"{self.status}: {self.source}"


class Figure(Sourced, Generic[Value]):
    """A number with its source."""

    value: Value


Positive = Annotated[int, Field(gt=0)]
Address = Annotated[int, Field(ge=0, lt=2**32)]
Power = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RegionFile(FileRecord):
    """A contiguous memory of the chip."""

    origin: Figure[Address]
    size_bytes: Figure[Positive]


class BoardFile(FileRecord):
    """The content of costmodel/devices/boards/<name>.toml."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    mcu: str
    core: str
    clock_hz: Figure[Positive]
    active_power_mw: Figure[Power]
    memory_system: Annotated[str, Field(min_length=1)] = "zero-wait-states"
    flash: RegionFile
    ram: RegionFile


class CoreFile(Sourced):
    """The content of costmodel/devices/cores/<name>.toml; the fields are those of `Core`."""

    name: str
    architecture: Literal["armv6-m", "armv7-m", "armv7e-m", "armv8-m.main"]
    has_dsp: bool
    has_fpu: bool
    has_hardware_divide: bool
    has_it_blocks: bool


def read_toml(file: Traversable | Path, model: type[Model]) -> Model:
    """Reads a data file and checks it.

    Args:
        file: A TOML file.
        model: What the file must hold.

    Raises:
        DataFileError: The file cannot be read, is not TOML, or does not hold what `model` asks for. The message names
            the file and the key.
    """
    try:
        return model.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        reason = error.strerror or "not readable"
        raise DataFileError(reason, where=str(file), fix="Give the path of a readable TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(f"not valid TOML: {error}", where=str(file), fix="Mend the file's syntax.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataFileError(
            f"key '{_dotted(first['loc'])}': {first['msg']}",
            where=str(file),
            fix="Compare with the package's own files: costmodel/devices/boards and cores, costmodel/timing/cores.",
        ) from error


def _dotted(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location)
