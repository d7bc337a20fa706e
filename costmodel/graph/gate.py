"""The gate: turns an untrusted file or message into a parsed model of bounded size.

The parser is the only part of the `onnx` package that sees the bytes, and `check_wire` sees them first. We never run
onnx's checker, shape inference or loader of external data on them.
"""

import hashlib
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]  # protobuf ships no types

from sparse_mcu.costmodel.errors import ModelError, malformed
from sparse_mcu.costmodel.graph.files import read_external, read_model_file
from sparse_mcu.costmodel.graph.limits import MAX_FILE_BYTES
from sparse_mcu.costmodel.graph.wire import check_wire


@dataclass(frozen=True, slots=True, eq=False)
class AdmittedModel:
    """A parsed model with all of its data inside.

    Attributes:
        path: The model file. A message lies in no file and gets a name made from its graph's.
        model: The protobuf message. External data has been read into it.
        sha256: The hash of the file, or of the message's bytes, and of the external data in the order of the
            initializers; hex.
    """

    path: Path
    model: onnx.ModelProto
    sha256: str


Model = str | PathLike[str] | onnx.ModelProto
"""What a model may be given as: the path of an .onnx file, or the message itself."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def admit(model: Model) -> AdmittedModel:
    """Reads and parses a model.

    Args:
        model: An .onnx file, beside which external data must lie; or a message, which must hold all of its data.
            Of a message nothing is trusted either, nothing is read from disk, and the message stays as it is.

    Raises:
        ModelError: The model or its external data is missing, broken, hostile or too large.
    """
    if isinstance(model, onnx.ModelProto):
        name = str(model.graph.name)
        path = Path(f"{name if _NAME.fullmatch(name) else 'model'}.onnx")
        return _admit(_message_bytes(model, str(path)), path, None)
    path = Path(model)
    return _admit(read_model_file(path), path, path.parent)


def _message_bytes(model: onnx.ModelProto, where: str) -> bytes:
    try:
        size = model.ByteSize()
        if size > MAX_FILE_BYTES:
            raise ModelError(
                f"{size} bytes, more than the limit of {MAX_FILE_BYTES}",
                where=where,
                fix="Give a quantised model of a size that a microcontroller could run.",
            )
        return bytes(model.SerializeToString())
    except (EncodeError, ValueError) as error:
        raise ModelError("not a whole ONNX model", where=where, fix="Export the model again.") from error


def _admit(data: bytes, path: Path, folder: Path | None) -> AdmittedModel:
    """Parse a model's bytes; external data lie in `folder`, or nowhere."""
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
            if folder is None:
                raise ModelError("its data lie in another file", where=where, fix="Load the model with its data.")
            content = _external_data(tensor, folder, budget, where)
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
