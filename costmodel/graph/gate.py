"""The gate: turns an untrusted file into a parsed model of bounded size.

The parser is the only part of the `onnx` package that sees the bytes, and `check_wire` sees them first. We never run
onnx's checker, shape inference or loader of external data on them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

from sparse_mcu.costmodel.errors import ModelError, malformed
from sparse_mcu.costmodel.graph.files import read_external, read_model_file
from sparse_mcu.costmodel.graph.limits import MAX_FILE_BYTES
from sparse_mcu.costmodel.graph.wire import check_wire


@dataclass(frozen=True, slots=True, eq=False)
class AdmittedModel:
    """A parsed model with all of its data inside.

    Attributes:
        path: The model file.
        model: The protobuf message. External data has been read into it.
        sha256: The hash of the file and of its external data, in the order of the initializers; hex.
    """

    path: Path
    model: onnx.ModelProto
    sha256: str


def admit(path: Path) -> AdmittedModel:
    """Reads and parses a model file.

    Args:
        path: An .onnx file; external data must lie beside it.

    Raises:
        ModelError: The file or its external data is missing, broken, hostile or too large.
    """
    data = read_model_file(path)
    check_wire(data, where=str(path))
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise malformed("not an ONNX model", str(path)) from error
    if not model.graph.node:
        raise malformed("not an ONNX model, or one without nodes", str(path))
    digest = hashlib.sha256(data)
    budget = MAX_FILE_BYTES - len(data)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            where = f"{path}: initializer {str(tensor.name)[:80]!r}"
            content = _external_data(tensor, path.parent, budget, where)
            budget -= len(content)
            digest.update(content)
            tensor.raw_data = content
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
    return AdmittedModel(path, model, digest.hexdigest())


def _external_data(tensor: onnx.TensorProto, folder: Path, budget: int, where: str) -> bytes:
    """The bytes of an initializer whose data lies in another file."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        location = str(entries["location"])
        offset, length = int(entries.get("offset", "0")), int(entries["length"])
    except (KeyError, ValueError) as error:
        raise ModelError(
            "external data without a readable location, offset and length",
            where=where,
            fix="Save the model as a single file.",
        ) from error
    if offset < 0 or not 0 <= length <= budget:
        raise ModelError(
            f"external data of {length} bytes at offset {offset}; {budget} bytes may still be read",
            where=where,
            fix="Save the model as a single file.",
        )
    return read_external(folder, location, offset, length, where=where)
