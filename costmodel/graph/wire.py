"""A look at a protobuf message before it is parsed: how many objects would it become?

A parser turns every two bytes of a hostile file into an object of a hundred; this scan walks the
wire format, builds nothing, and stops at a budget.
Source: Protocol Buffers, Encoding (https://protobuf.dev/programming-guides/encoding/).
"""

from dataclasses import dataclass
from functools import cache

import onnx

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.limits import MAX_FIELDS, MAX_PACKED_BYTES

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class _Schema:
    """What the scan knows about a message type: its fields that are messages, and those that hold text or bytes."""

    messages: dict[int, str]
    opaque: frozenset[int]


def check_wire(data: bytes, *, where: str) -> None:
    """Refuses bytes that are no ONNX model, are cut short, or would become too many objects.

    Args:
        data: The whole file.
        where: The file, for the message.

    Raises:
        ModelError: The bytes are no protobuf, cut short, or beyond `MAX_FIELDS` or `MAX_PACKED_BYTES`.
    """
    fields = packed = 0
    pending = [(0, len(data), "onnx.ModelProto")]
    schemas = _schemas()
    while pending:
        position, end, message = pending.pop()
        schema = schemas[message]
        while position < end:
            tag, position = _varint(data, position, end, where)
            size, position = _value_size(data, position, end, tag & 7, where)
            if tag >> 3 == 0 or position + size > end:
                raise _broken(where)
            fields += 1
            if tag & 7 == _LENGTH_DELIMITED:
                if tag >> 3 in schema.messages:
                    pending.append((position, position + size, schema.messages[tag >> 3]))
                elif tag >> 3 not in schema.opaque:
                    packed += size
            if fields > MAX_FIELDS or packed > MAX_PACKED_BYTES:
                raise ModelError(
                    f"too many parts: more than {MAX_FIELDS} fields (of nodes, attributes, dimensions) "
                    f"or {MAX_PACKED_BYTES} bytes of packed numbers",
                    where=where,
                    fix="Give a model of a size that a microcontroller could run, its tensors stored as raw_data.",
                )
            position += size


@cache
def _schemas() -> dict[str, _Schema]:
    """Every message type that a model can contain, by full name."""
    schemas: dict[str, _Schema] = {}
    pending = [onnx.ModelProto.DESCRIPTOR]
    while pending:
        descriptor = pending.pop()
        if descriptor.full_name in schemas:
            continue
        nested = {field.number: field.message_type for field in descriptor.fields if field.message_type is not None}
        text = (field for field in descriptor.fields if field.type in (field.TYPE_STRING, field.TYPE_BYTES))
        schemas[descriptor.full_name] = _Schema(
            {number: kind.full_name for number, kind in nested.items()}, frozenset(field.number for field in text)
        )
        pending.extend(nested.values())
    return schemas


def _value_size(data: bytes, position: int, end: int, wire_type: int, where: str) -> tuple[int, int]:
    """How many bytes of the value are left to read, and where they start. A varint is read at once: none are left."""
    if wire_type == _LENGTH_DELIMITED:
        return _varint(data, position, end, where)
    if wire_type == _VARINT:
        return 0, _varint(data, position, end, where)[1]
    if wire_type in (_FIXED32, _FIXED64):
        return (4 if wire_type == _FIXED32 else 8), position
    raise _broken(where)


def _varint(data: bytes, position: int, end: int, where: str) -> tuple[int, int]:
    """The value of a little-endian base-128 number, and the position after it."""
    if position < end and data[position] < 0x80:  # noqa: PLR2004 - the continuation bit: most numbers are one byte
        return data[position], position + 1
    value = 0
    for index, byte in enumerate(data[position : min(end, position + _MAX_VARINT_BYTES)]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit, as in the mask above
            return value, position + index + 1
    raise _broken(where)


def _broken(where: str) -> ModelError:
    return ModelError("not an ONNX model, or cut short", where=where, fix="Export or copy the file again.")
