"""Reads and writes planning problems: MiniMalloc's CSV of buffers, and a JSON graph of sizes and operators."""

import csv
import json
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sparse_mcu.costmodel.errors import PlanError
from sparse_mcu.costmodel.memory.model.plan import Buffer, MemoryProblem, Part, Step
from sparse_mcu.costmodel.memory.order.dag import in_topological_order

_COLUMNS = ("id", "lower", "upper", "size")
_WRITTEN_COLUMN = "offset"
"""What `plan --output` adds; a file with it may be planned again."""

_NOTES = ("name", "source", "default_peak", "lower_bound_single_op", "optimal_peak", "states")
"""Keys of a graph that published instances have for their readers; the planner takes nothing from them."""

_MOST_BYTES = 2**40  # the sum of a million such sizes still fits the packer's 64-bit integers

_Bytes = Annotated[int, Field(strict=True, ge=0, le=_MOST_BYTES)]
_SomeBytes = Annotated[int, Field(strict=True, ge=1, le=_MOST_BYTES)]
_Distance = Annotated[int, Field(strict=True, ge=-_MOST_BYTES, le=_MOST_BYTES)]


class _Operator(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ins: list[str]
    outs: list[str]
    name: str | None = None
    type: str = Field("op", validation_alias=AliasChoices("type", "op"))
    scratch: _Bytes = 0
    distances: dict[str, _Distance] = {}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    buffer: str
    at: _Bytes
    size: _Bytes
    run: _SomeBytes | None = None
    pitch: _SomeBytes | None = None
    replaces: str | None = None


class _Graph(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sizes: dict[str, _Bytes]
    ops: list[_Operator]
    inputs: list[str]
    outputs: list[str]
    parts: dict[str, _Part] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_notes(cls, read: object) -> object:
        return {key: value for key, value in read.items() if key not in _NOTES} if isinstance(read, dict) else read


_KEYS = {
    "ops": "ins, outs, name, type (or op), scratch, distances",
    "parts": ", ".join(_Part.model_fields),
}
"""What the entries of these keys may contain, for messages."""


def read_buffers(path: Path) -> tuple[Buffer, ...]:
    """Read buffers with fixed lives: a CSV with the columns id, lower, upper (exclusive) and size.

    Raises:
        PlanError: The file cannot be read, a column is missing or unknown, or a row is not a buffer.
    """
    rows = list(csv.reader(_text(path).splitlines()))
    header = [column.strip() for column in rows[0]] if rows else []
    if not set(_COLUMNS) <= set(header):
        raise PlanError(f"columns {header} lack some of {list(_COLUMNS)}", where=str(path), fix="Add a header line.")
    if sorted(header) not in (sorted(_COLUMNS), sorted((*_COLUMNS, _WRITTEN_COLUMN))):
        raise PlanError(
            f"columns {header} are not understood",
            where=str(path),
            fix=f"Leave all out but {', '.join(_COLUMNS)}, each once; {_WRITTEN_COLUMN} may stand there too.",
        )
    buffers = [_buffer(path, line, header, row) for line, row in enumerate(rows[1:], 2) if row]
    if len({buffer.name for buffer in buffers}) < len(buffers):
        raise PlanError("two buffers have the same id", where=str(path), fix="Give each its own.")
    return tuple(buffers)


def read_graph(path: Path) -> MemoryProblem:
    """Read a graph; docs/memory.md describes the format, `graph_text` writes it.

    Operators may stand in any order; unnamed ones are called by type and position.

    Raises:
        PlanError: The file cannot be read, or is no such graph.
    """
    try:
        graph = _Graph.model_validate_json(_text(path))
    except ValidationError as error:
        raise _refusal(path, error.errors()[0]) from error
    steps = [
        Step(op.name or f"{op.type}_{index}", tuple(dict.fromkeys(op.ins)), tuple(op.outs), op.scratch, op.distances)
        for index, op in enumerate(graph.ops)
    ]
    parts = {name: _part(path, name, part) for name, part in graph.parts.items()}
    whole = graph.sizes.keys() - {part.buffer for part in parts.values()}
    return MemoryProblem(
        sizes_bytes=graph.sizes,
        steps=in_topological_order(steps),
        inputs=tuple(dict.fromkeys(graph.inputs)),
        outputs=tuple(dict.fromkeys(graph.outputs)),
        buffer_of={name: name for name in (*graph.sizes, *parts) if name in whole or name in parts},
        parts=parts,
        replaced={name: part.replaces for name, part in graph.parts.items() if part.replaces is not None},
    )


def graph_text(problem: MemoryProblem) -> str:
    """Write `problem` in the form that `read_graph` reads."""
    ops = [
        {
            "name": step.name,
            "ins": [*step.inputs],
            "outs": [*step.outputs],
            "scratch": step.scratch_bytes,
            "distances": {**step.safe_distance_bytes},
        }
        for step in problem.steps
    ]
    parts = {
        name: {"buffer": part.buffer, "at": part.displacement_bytes, "size": part.size_bytes}
        | ({"run": part.run_bytes, "pitch": part.pitch_bytes} if part.run_bytes else {})
        | ({"replaces": problem.replaced[name]} if name in problem.replaced else {})
        for name, part in problem.parts.items()
    }
    graph = {
        "sizes": {**problem.sizes_bytes},
        "ops": ops,
        "inputs": [*problem.inputs],
        "outputs": [*problem.outputs],
        "parts": parts,
    }
    return json.dumps(graph, indent=1) + "\n"


def _refusal(path: Path, error: ErrorDetails) -> PlanError:
    place = ".".join(str(part) for part in error["loc"]) or "the document"
    if error["type"] == "extra_forbidden":
        known = _KEYS.get(str(error["loc"][0]), ", ".join(_Graph.model_fields))
        return PlanError(f"{place}: unknown key", where=str(path), fix=f"Known here: {known}.")
    return PlanError(
        f"{place}: {error['msg']}",
        where=str(path),
        fix='Give {"sizes": {tensor: bytes}, "ops": [{"ins": [], "outs": []}], "inputs": [], "outputs": []}.',
    )


def _part(path: Path, name: str, part: _Part) -> Part:
    """Make a part for the planner, which itself checks that it lies within its buffer."""
    run, pitch = part.run or 0, part.pitch or 0
    if bool(run) != bool(pitch) or run > pitch or (run and part.size % run):
        raise PlanError(
            f"run {part.run} and pitch {part.pitch} do not make {part.size} bytes",
            where=f"{path}: parts.{name}",
            fix="Give both or none, a pitch of at least the run, and a size that is so many runs.",
        )
    return Part(part.buffer, part.at, part.size, run, pitch)


def _buffer(path: Path, line: int, header: list[str], row: list[str]) -> Buffer:
    try:
        cells = dict(zip(header, row, strict=True))
        buffer = Buffer(cells["id"], int(cells["size"]), int(cells["lower"]), int(cells["upper"]))
    except ValueError as error:
        raise PlanError(f"{row} is no buffer", where=f"{path}:{line}", fix="Give an id and three integers.") from error
    if not 0 <= buffer.size_bytes <= _MOST_BYTES or buffer.start >= buffer.end:
        raise PlanError(
            "the size is negative or above a tebibyte, or the life is empty",
            where=f"{path}:{line}",
            fix="Need 0 <= size <= 2**40 and lower < upper.",
        )
    return buffer


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(f"cannot be read: {reason}", where=str(path), fix="Name a .csv or .json file.") from error
