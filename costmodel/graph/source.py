"""Turns the admitted model into plain data: nodes, constants, inputs and outputs. Every field is checked here once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError, UnsupportedQuantizationError, malformed
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.gate import AdmittedModel
from sparse_mcu.costmodel.graph.graph import ElementType
from sparse_mcu.costmodel.graph.limits import MAX_NAME_LENGTH, MAX_NODES, MAX_RANK, MAX_TENSOR_BYTES, MIN_OPSET
from sparse_mcu.costmodel.graph.node import Node

_DEFAULT_DOMAINS = ("", "ai.onnx")
_ACTIVATION_TYPES: Mapping[int, ElementType] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
}
_CONSTANT_TYPES: Mapping[int, np.dtype[np.generic]] = {
    onnx.TensorProto.FLOAT: np.dtype("<f4"),
    onnx.TensorProto.INT8: np.dtype("i1"),
    onnx.TensorProto.UINT8: np.dtype("u1"),
    onnx.TensorProto.INT16: np.dtype("<i2"),
    onnx.TensorProto.UINT16: np.dtype("<u2"),
    onnx.TensorProto.INT32: np.dtype("<i4"),
    onnx.TensorProto.INT64: np.dtype("<i8"),
    onnx.TensorProto.BOOL: np.dtype("?"),
}


@dataclass(frozen=True, slots=True)
class SourceInput:
    """An input of the model: its name, its static ONNX shape with batch 1, and its element type."""

    name: str
    shape: tuple[int, ...]
    dtype: ElementType


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A model that was read but not lowered yet.

    Attributes:
        path: The model file.
        name: The stem of the file.
        sha256: Hash of the model, hex.
        opset: Version of the default operator domain.
        nodes: The nodes in a topological order.
        constants: The initializers by name.
        inputs: The tensors that the caller fills.
        outputs: The names of the tensors that the caller reads.
    """

    path: Path
    name: str
    sha256: str
    opset: int
    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[np.generic]]
    inputs: tuple[SourceInput, ...]
    outputs: tuple[str, ...]


def read_source(admitted: AdmittedModel) -> Source:
    """Reads the protobuf message into plain data.

    Raises:
        ModelError: A name, shape, tensor or edge is missing, doubled, dynamic or beyond the limits.
        UnsupportedOperatorError: A node belongs to another domain or contains a subgraph.
        UnsupportedQuantizationError: No node quantises anything.
    """
    model, where = admitted.model, str(admitted.path)
    opset = _opset(model, where)
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(
            f"{len(model.graph.node)} nodes, more than {MAX_NODES}", where=where, fix="Simplify the model."
        )
    if model.functions or model.graph.sparse_initializer:
        raise ModelError(
            "local functions or sparse initializers", where=where, fix="Export plain operators and dense initializers."
        )
    nodes = tuple(_node(proto, index, admitted.path.name) for index, proto in enumerate(model.graph.node))
    constants = {_name(proto.name, where): read_tensor(proto, where=where) for proto in model.graph.initializer}
    inputs = tuple(_input(proto, where) for proto in model.graph.input if proto.name not in constants)
    outputs = tuple(_name(proto.name, where) for proto in model.graph.output)
    name = _name(admitted.path.stem, where)
    source = Source(admitted.path, name, admitted.sha256, opset, nodes, constants, inputs, outputs)
    _check_edges(source, len(model.graph.initializer))
    _check_quantised(source)
    return source


def read_tensor(proto: onnx.TensorProto, *, where: str) -> npt.NDArray[np.generic]:
    """Returns a constant tensor as an array.

    Args:
        proto: The tensor, with its data inside the message.
        where: The file or node, for the message.

    Raises:
        ModelError: Its shape is beyond the limits, or its data is missing or does not fill the shape.
        UnsupportedQuantizationError: No quantised model needs its element type.
    """
    where = f"{where}: constant {str(proto.name)[:80]!r}"
    shape = tuple(proto.dims)
    if proto.data_type not in _CONSTANT_TYPES:
        raise UnsupportedQuantizationError(
            f"element type {_type_name(proto.data_type)}",
            where=where,
            fix="Use int8 weights and int32 or float biases.",
        )
    dtype = _CONSTANT_TYPES[proto.data_type]
    if len(shape) > MAX_RANK or any(dimension < 0 for dimension in shape):
        raise malformed(f"shape {list(shape[:8])}", where)
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError("external data in a node's attribute", where=where, fix="Save the model as a single file.")
    size, raw = prod(shape), proto.raw_data
    if raw and len(raw) % dtype.itemsize:
        raise malformed(f"{len(raw)} bytes are not a whole number of {dtype.itemsize}", where)
    elements = np.frombuffer(raw, dtype) if raw else _typed_data(proto, dtype)
    if elements.size != size:
        raise malformed(f"shape {list(shape)} needs {size} elements, {elements.size} are given", where)
    return elements.reshape(shape)


def _typed_data(proto: onnx.TensorProto, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """The elements of a tensor without raw_data, from the field that holds their type (onnx.proto, TensorProto)."""
    if proto.data_type == onnx.TensorProto.FLOAT:
        return np.array(proto.float_data, dtype)
    if proto.data_type == onnx.TensorProto.INT64:
        return np.array(proto.int64_data, dtype)
    return np.array(proto.int32_data, np.int32).astype(dtype)


def _opset(model: onnx.ModelProto, where: str) -> int:
    versions = [int(entry.version) for entry in model.opset_import if entry.domain in _DEFAULT_DOMAINS]
    if len(versions) != 1:
        raise malformed("no single version of the default operator domain", where)
    newest = onnx.defs.onnx_opset_version()
    if not MIN_OPSET <= versions[0] <= newest:
        raise ModelError(
            f"operator set version {versions[0]}, not in {MIN_OPSET}..{newest}",
            where=where,
            fix="Export with opset 17, or convert with onnx.version_converter.",
        )
    return versions[0]


def _name(raw: object, where: str) -> str:
    """The name, if it can be printed: text on one line, of bounded length."""
    if not isinstance(raw, str) or not raw or len(raw) > MAX_NAME_LENGTH or not raw.isprintable():
        raise ModelError(
            f"unusable name {repr(raw)[:60]}",
            where=where,
            fix=f"Names must be printable and of 1 to {MAX_NAME_LENGTH} characters.",
        )
    return raw


def _node(proto: onnx.NodeProto, index: int, file: str) -> Node:
    kind = _name(proto.op_type, file)
    name = _name(proto.name, file) if proto.name else f"{kind}_{index}"
    where = f"{file}: node {name[:120]!r} ({kind})"
    if proto.domain not in _DEFAULT_DOMAINS:
        raise UnsupportedOperatorError(
            f"operator of domain {str(proto.domain)[:80]!r}",
            where=where,
            fix="Quantise in the QDQ format with standard ONNX operators.",
        )
    if any(attribute.HasField("g") or attribute.graphs for attribute in proto.attribute):
        raise UnsupportedOperatorError(
            "control flow: the node holds a subgraph", where=where, fix="Export a model without If, Loop or Scan."
        )
    if len(proto.output) == 0 or not proto.output[0]:
        raise malformed("no output", where)
    inputs = tuple(_name(value, where) if value else "" for value in proto.input)
    outputs = tuple(_name(value, where) if value else "" for value in proto.output)
    return Node(kind, name, inputs, outputs, Attributes(proto.attribute, where), where)


def _check_quantised(source: Source) -> None:
    floats = any(entry.dtype == "float32" for entry in source.inputs)
    if floats and not any(node.kind in ("QuantizeLinear", "DequantizeLinear") for node in source.nodes):
        raise UnsupportedQuantizationError(
            "the model is not quantised: it has no QuantizeLinear or DequantizeLinear",
            where=str(source.path),
            fix="Quantise it first, e.g. onnxruntime.quantization.quantize_static(..., quant_format=QuantFormat.QDQ, "
            "activation_type=QuantType.QInt8, weight_type=QuantType.QInt8).",
        )


def _input(proto: onnx.ValueInfoProto, where: str) -> SourceInput:
    name = _name(proto.name, where)
    where = f"{where}: input {name[:120]!r}"
    kind = proto.type.tensor_type
    if kind.elem_type not in _ACTIVATION_TYPES:
        raise UnsupportedQuantizationError(
            f"element type {_type_name(kind.elem_type)}", where=where, fix="Inputs must be float32, int8 or uint8."
        )
    if not kind.HasField("shape") or not 1 <= len(kind.shape.dim) <= MAX_RANK:
        raise ModelError(f"no shape of 1 to {MAX_RANK} dimensions", where=where, fix="Export with a static shape.")
    shape = tuple(_dimension(axis, dimension, where) for axis, dimension in enumerate(kind.shape.dim))
    if prod(shape) > MAX_TENSOR_BYTES:
        raise ModelError(
            f"shape {list(shape)} is larger than {MAX_TENSOR_BYTES} elements", where=where, fix="Shrink the input."
        )
    return SourceInput(name, shape, _ACTIVATION_TYPES[kind.elem_type])


def _dimension(axis: int, dimension: onnx.TensorShapeProto.Dimension, where: str) -> int:
    """The size of a static dimension. A symbolic or missing batch counts as 1."""
    if not dimension.HasField("dim_value"):
        if axis == 0:
            return 1
        name = repr(str(dimension.dim_param)[:60]) if dimension.dim_param else "unnamed"
        raise ModelError(
            f"dimension {axis} is dynamic ({name})",
            where=where,
            fix="Export with static shapes, or fix the dimension with onnxruntime.tools.make_dynamic_shape_fixed.",
        )
    if dimension.dim_value < 1:
        raise ModelError(f"dimension {axis} is {dimension.dim_value}", where=where, fix="Export with static shapes.")
    if axis == 0 and dimension.dim_value != 1:
        raise ModelError(
            f"batch of {dimension.dim_value}",
            where=where,
            fix="Export with batch 1: a microcontroller runs one sample.",
        )
    return int(dimension.dim_value)


def _check_edges(source: Source, initializers: int) -> None:
    """Checks that each tensor has one producer, and that its readers come after it."""
    where = str(source.path)
    if len(source.constants) != initializers:
        raise ModelError("two initializers of one name", where=where, fix="Names must be unique; export again.")
    known = set(source.constants)
    made = [entry.name for entry in source.inputs]
    made += [name for node in source.nodes for name in node.outputs if name]
    everything = known | set(made)
    if len(everything) != len(source.constants) + len(made):
        doubled, _ = Counter([*source.constants, *made]).most_common(1)[0]
        raise ModelError(f"tensor {doubled[:120]!r} is made twice", where=where, fix="Names must be unique.")
    known |= {entry.name for entry in source.inputs}
    for node in source.nodes:
        for name in node.inputs:
            if name and name not in known:
                fault = "before a node has made it: the graph has a cycle or is not sorted"
                fault = fault if name in everything else "that nothing makes"
                raise node.malformed(f"reads {name[:120]!r} {fault}")
        known.update(node.outputs)
    if not source.inputs or not source.outputs or len(set(source.outputs)) != len(source.outputs):
        raise malformed("no inputs, no outputs, or an output listed twice", where)
    for name in source.outputs:
        if name not in known:
            raise malformed(f"output {name[:120]!r} is made by no node", where)


def _type_name(data_type: int) -> str:
    known = dict(zip(onnx.TensorProto.DataType.values(), onnx.TensorProto.DataType.keys(), strict=True))
    return str(known.get(data_type, data_type)).lower()
