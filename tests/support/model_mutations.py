"""Makes small sound models and spoils them, to fuzz the gate.

Mutations work on the parsed message. They change, drop, double, swap and cross fields, so that most results still parse
and reach the code behind the parser. Each mutation follows from a seed.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from onnx import TensorProto
from qdq import QdqNetwork

_NUMBERS = (0, 1, -1, 2, 3, 4, 7, 127, 128, -128, 255, 2**15, 2**16 + 1, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63))
_REALS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e-30, 3e38, float("inf"), float("-inf"), float("nan"), 0.5, 1e9)
_TEXTS = (
    "",
    "weights.bin",
    "..",
    "../secret",
    "/etc/passwd",
    "link.bin",
    "\n",
    "é" * 40,
    "x" * 2000,
    "0",
    "-1",
    "9" * 30,
)
_MOST_EDITS = 4

Message = Any  # protobuf's classes are made at run time


def seeds() -> list[bytes]:
    """Returns a small model for each family of operators, with int8, uint8 or float ends; one has external data."""
    models = [_images(), _signals(), _shapes(), _floats(), _shape_arithmetic()]
    models.append(_external(_images()))
    return [model.SerializeToString() for model in models]


def _images() -> onnx.ModelProto:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.pad(network.input((1, 2, 6, 6)), (0, 0, 1, 1, 0, 0, 1, 1))
    x = network.conv(x, 4, (3, 3), strides=(1, 1), relu=True)
    y = network.conv(x, 4, (3, 3), groups=4, pads=(1, 1, 1, 1), clip=(0.0, 6.0))
    x = network.max_pool(network.add(x, y), (2, 2), strides=(2, 2))
    x = network.global_average_pool(network.average_pool(x, (2, 2)))
    return network.build(network.softmax(network.dense(network.flatten(x), 3)))


def _signals() -> onnx.ModelProto:
    network = QdqNetwork(np.random.default_rng(1), dtype="uint8")
    x = network.conv(network.input((1, 2, 12)), 3, (3,), strides=(2,), bias="float32")
    x = network.transpose(x, (0, 2, 1))
    return network.build(network.dense(x, 2, form="MatMul"))


def _shapes() -> onnx.ModelProto:
    network = QdqNetwork(np.random.default_rng(2))
    x = network.input((1, 4, 4, 4))
    left = network.slice(x, (0,), (2,), (1,), (1,))
    x = network.concat([left, x], 1, direct=False)
    x = network.reshape(network.gather(x, [0, 2, 3], 1), (1, 3, 16))
    return network.build(network.transpose(x, (0, 2, 1), direct=True))


def _shape_arithmetic() -> onnx.ModelProto:
    """Returns a model with a Resize and what exporters make of `x.view(x.size(0), -1)`."""
    network = QdqNetwork(np.random.default_rng(4))
    x = network.input((1, 2, 4, 4))
    sizes = network.constant(np.array((1, 2, 2, 2), np.int64))
    x = network.structural("Resize", [x], (1, 2, 2, 2), extra=["", "", sizes], mode="nearest")
    zero, minus = (network.constant(np.array(number, np.int64)) for number in (0, [-1]))
    axis = network.constant(np.array([0], np.int64))
    batch = network.node("Gather", [network.node("Shape", [x.name]), zero], axis=0)
    shape = network.node("Concat", [network.node("Unsqueeze", [batch, axis]), minus], axis=0)
    return network.build(network.dense(network.structural("Reshape", [x], (1, 8), extra=[shape]), 3))


def _floats() -> onnx.ModelProto:
    network = QdqNetwork(np.random.default_rng(3), float_boundary=True, batch="N", density=0.2)
    return network.build(network.dense(network.dense(network.input((1, 8)), 6, relu=True), 2, per_channel=True))


def _external(model: onnx.ModelProto) -> onnx.ModelProto:
    """Moves the largest initializer, which holds weights, to a file beside the model."""
    tensor = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return model


def mutate(data: bytes, seed: int) -> bytes:
    """Changes a few fields of a model, or a few bytes if `data` is no model."""
    random = Random(seed)  # noqa: S311 - to be repeated
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        for _ in range(random.randint(1, _MOST_EDITS)):
            _edit(model, random)
    except (DecodeError, UnicodeDecodeError):
        return mutate_bytes(data, seed)
    changed: bytes = model.SerializeToString()
    return mutate_bytes(changed, seed) if random.random() < 1 / 16 else changed


def mutate_bytes(data: bytes, seed: int) -> bytes:
    """Replaces, removes, inserts or doubles some bytes."""
    random = Random(seed)  # noqa: S311 - to be repeated
    changed = bytearray(data)
    for _ in range(random.randint(1, _MOST_EDITS)):
        start = random.randint(0, len(changed))
        end = min(start + random.choice((0, 1, 1, 2, 8, 64)), len(changed))
        put = (random.randbytes(end - start), b"", random.randbytes(2), bytes(changed[start:end]) * 2)
        changed[start:end] = random.choice(put)
    return bytes(changed)


def _edit(model: onnx.ModelProto, random: Random) -> None:
    """Changes one field of one message. In half of the cases all messages are equally likely, else all types are."""
    messages = list(_messages(model))
    kinds = [message.DESCRIPTOR.full_name for message in messages]
    of_kind = random.choice(random.choice((kinds, sorted(set(kinds)))))
    message = random.choice([each for each in messages if each.DESCRIPTOR.full_name == of_kind])
    # Most changes are to fields that are set, since the gate reads few of the many others.
    present = [field for field, _ in message.ListFields()]
    field = random.choice(present if present and random.random() < 0.9 else message.DESCRIPTOR.fields)
    twin = random.choice([each for each in messages if each.DESCRIPTOR.full_name == of_kind])
    if _is_repeated(field):
        _edit_list(message, getattr(message, field.name), field, getattr(twin, field.name), random)
    elif random.random() < 0.1:
        message.ClearField(field.name)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(getattr(twin, field.name))
    else:
        setattr(message, field.name, _value(field, getattr(message, field.name), getattr(twin, field.name), random))


def _messages(root: Message) -> Iterator[Message]:
    """Yields `root` and all messages in it."""
    pending = [root]
    while pending:
        message = pending.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                pending.extend(value if _is_repeated(field) else [value])


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _edit_list(message: Message, values: Any, field: FieldDescriptor, others: Any, random: Random) -> None:  # noqa: ANN401 - see Message
    """Drops, doubles, swaps, crosses or changes an entry; `others` are the entries of a message of the same type."""
    entries = [_copy(entry) for entry in values]
    index = random.randrange(len(entries)) if entries else 0
    action = random.choice(("drop", "double", "swap", "cross", "change", "change"))
    if action == "drop":
        del entries[index : index + 1]
    elif action == "double":
        entries[index:index] = [_copy(entry) for entry in entries[index : index + 1]] * random.choice((1, 1, 1, 20))
    elif action == "swap" and entries:
        other = random.randrange(len(entries))
        entries[index], entries[other] = entries[other], entries[index]
    elif action == "cross" and others:
        entries[index : index + 1] = [_copy(random.choice(others))]
    elif field.message_type is None:
        empty: Any = {field.TYPE_STRING: "", field.TYPE_BYTES: b""}.get(field.type, 0)
        old = entries[index] if entries else empty
        entries[index : index + 1] = [_value(field, old, random.choice(others) if others else old, random)]
    message.ClearField(field.name)
    getattr(message, field.name).extend(entries)


def _copy(entry: Any) -> Any:  # noqa: ANN401 - a message or a plain value
    if not hasattr(entry, "CopyFrom"):
        return entry
    fresh = type(entry)()
    fresh.CopyFrom(entry)
    return fresh


def _value(field: FieldDescriptor, old: Any, other: Any, random: Random) -> Any:  # noqa: ANN401 - see Message
    """Returns a value for a field: an odd one, that of another message, or a neighbour of the old one."""
    if random.random() < 1 / 4:
        return other
    if field.type == field.TYPE_ENUM:
        return random.choice(list(field.enum_type.values_by_number))
    if field.type == field.TYPE_STRING:
        return random.choice((*_TEXTS, f"{old}x", old[:-1], *_KINDS))
    if field.type == field.TYPE_BYTES:
        return mutate_bytes(old or b"", random.getrandbits(32))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice((*_REALS, old * 2, -old))
    number = random.choice((*_NUMBERS, old + 1, old - 1, old * 2))
    low, high = _RANGES[field.type]
    return min(max(number, low), high)


_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}


_KINDS = (
    "Add", "AveragePool", "Cast", "Clip", "Concat", "Constant", "Conv", "DequantizeLinear", "Flatten", "Gather", "Gemm",
    "GlobalAveragePool", "Identity", "MatMul", "MaxPool", "Pad", "QuantizeLinear", "Relu", "Reshape", "Resize", "Shape",
    "Slice", "Softmax", "Squeeze", "Transpose", "Unsqueeze", "perm", "axis", "axes", "value", "pads", "kernel_shape",
)  # fmt: skip
