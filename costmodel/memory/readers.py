"""Planning problems from files: MiniMalloc's CSV of buffers, and a JSON graph of sizes and operators."""

import csv
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from costmodel.errors import PlanError
from costmodel.memory.dag import in_topological_order
from costmodel.memory.plan import Buffer, MemoryProblem, Step

_COLUMNS = ("id", "lower", "upper", "size")


class _Operator(BaseModel):
    model_config = ConfigDict(extra="ignore")

    ins: list[str]
    outs: list[str]
    name: str | None = None
    type: str = "op"
    scratch: NonNegativeInt = 0


class _Graph(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sizes: dict[str, NonNegativeInt]
    ops: list[_Operator]
    inputs: list[str]
    outputs: list[str]


def read_buffers(path: Path) -> tuple[Buffer, ...]:
    """Read buffers with fixed lives: a CSV with the columns id, lower, upper (exclusive) and size.

    Raises:
        PlanError: The file cannot be read, a column is missing, or a row is not a buffer.
    """
    rows = list(csv.reader(_text(path).splitlines()))
    header = [column.strip() for column in rows[0]] if rows else []
    if not set(_COLUMNS) <= set(header):
        raise PlanError(f"columns {header} lack some of {list(_COLUMNS)}", where=str(path), fix="Add a header line.")
    buffers = [_buffer(path, line, dict(zip(header, row, strict=False))) for line, row in enumerate(rows[1:], 2) if row]
    if len({buffer.name for buffer in buffers}) < len(buffers):
        raise PlanError("two buffers have the same id", where=str(path), fix="Give each its own.")
    return tuple(buffers)


def read_graph(path: Path) -> MemoryProblem:
    """Read a graph: {"sizes": {tensor: bytes}, "ops": [{"ins", "outs", "name"?, "scratch"?}], "inputs", "outputs"}.

    Operators may stand in any order; unnamed ones are called by type and position.

    Raises:
        PlanError: The file cannot be read, or is no such graph.
    """
    try:
        graph = _Graph.model_validate_json(_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise PlanError(
            f"{place}: {first['msg']}",
            where=str(path),
            fix='Give {"sizes": {tensor: bytes}, "ops": [{"ins": [], "outs": []}], "inputs": [], "outputs": []}.',
        ) from error
    steps = [
        Step(op.name or f"{op.type}_{index}", tuple(dict.fromkeys(op.ins)), tuple(op.outs), op.scratch)
        for index, op in enumerate(graph.ops)
    ]
    inputs, outputs = tuple(dict.fromkeys(graph.inputs)), tuple(dict.fromkeys(graph.outputs))
    tensors = {name: name for name in graph.sizes}
    return MemoryProblem(graph.sizes, in_topological_order(steps), inputs, outputs, tensors)


def _buffer(path: Path, line: int, row: dict[str, str]) -> Buffer:
    try:
        buffer = Buffer(row["id"], int(row["size"]), int(row["lower"]), int(row["upper"]))
    except (KeyError, ValueError) as error:
        raise PlanError(f"{row} is no buffer", where=f"{path}:{line}", fix="Give an id and three integers.") from error
    if buffer.size_bytes < 0 or buffer.start >= buffer.end:
        raise PlanError("size is negative or the life is empty", where=f"{path}:{line}", fix="Need lower < upper.")
    return buffer


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanError(f"cannot be read: {reason}", where=str(path), fix="Name a .csv or .json file.") from error
