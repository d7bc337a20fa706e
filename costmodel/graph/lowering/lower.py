"""Lowers the nodes of a model to a graph of our operators."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sparse_mcu.costmodel.errors import UnsupportedOperatorError
from sparse_mcu.costmodel.graph.graph import Graph, Port
from sparse_mcu.costmodel.graph.lowering.builder import Builder
from sparse_mcu.costmodel.graph.lowering.constants import Constant, Constants
from sparse_mcu.costmodel.graph.lowering.folds import FOLDED_KINDS, fold, fold_constants
from sparse_mcu.costmodel.graph.lowering.layout import Value, permuted
from sparse_mcu.costmodel.graph.lowering.registry import RULES_FOLDER, Rule, rules
from sparse_mcu.costmodel.graph.lowering.sweeps import Demands, Preferences
from sparse_mcu.costmodel.graph.node import Node
from sparse_mcu.costmodel.graph.source import Source, SourceInput
from sparse_mcu.costmodel.graph.tensor import Quantization

_PLAIN_CODES = Quantization(1.0, 0)
_ADD_INPUTS = 2
_STATIC = "Quantise statically in the QDQ format"
_HINTS = {
    "BatchNormalization": "Fold it into the layer before, as onnxruntime's quant_pre_process does",
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm"), _STATIC),
    **dict.fromkeys(("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"), _STATIC),
}


def lower(source: Source) -> tuple[Graph, Mapping[str, Value]]:
    """Lowers every node that an output depends on.

    Returns:
        The graph, with tensors named by the rules, and what each ONNX tensor stands for.

    Raises:
        ModelError: A node contradicts itself.
        UnsupportedOperatorError: A node has no rule.
        UnsupportedQuantizationError: A node is not quantised in a way that integer arithmetic can follow.
    """
    constants, remaining = fold_constants(source)
    nodes = _join_biases(_live(remaining, source.outputs), constants, source.outputs)
    known = rules()
    _check_kinds(nodes, known)
    demands = Demands(nodes, constants, {kind for kind, rule in known.items() if rule.keeps_scale})
    preferences = Preferences(
        nodes,
        {kind for kind, rule in known.items() if rule.channels_last},
        {kind for kind, rule in known.items() if rule.keeps_axes},
    )
    builder = Builder(constants, demands)
    read = {name for node in nodes for name in node.inputs}
    for entry in source.inputs:
        builder.values[entry.name] = _input(
            entry, builder, preferences, is_read=entry.name in read, file=source.path.name
        )
    for node in nodes:
        _lower_node(node, builder, constants, known)
    outputs = [_output(name, builder, source) for name in source.outputs]
    inputs = [builder.values[entry.name] for entry in source.inputs]
    graph = Graph(
        name=source.name,
        sha256=source.sha256,
        tensors=builder.tensors,
        operators=tuple(builder.operators),
        inputs=tuple(value.tensor.name for value in inputs),
        outputs=tuple(value.tensor.name for value in outputs),
    )
    return graph, builder.values


def port_of(value: Value) -> Port:
    """Returns the form of `value` in the ONNX file."""
    return Port(value.shape, value.permutation, value.dtype)


def _live(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that an output depends on, in order."""
    needed = set(outputs)
    live = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]


def _join_biases(nodes: Sequence[Node], constants: Constants, outputs: Sequence[str]) -> list[Node]:
    """Joins a MatMul, or a Gemm without bias, with the Add of a constant behind it: one node with three inputs."""
    readers: dict[str, int] = dict.fromkeys(outputs, 1)
    for node in nodes:
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    products: dict[str, Node] = {}
    joined: list[Node] = []
    for node in nodes:
        if node.kind in ("MatMul", "Gemm") and not node.has_input(2) and readers.get(node.outputs[0]) == 1:
            products[node.outputs[0]] = node
        if node.kind == "Add" and len(node.inputs) == _ADD_INPUTS:
            left, right = node.inputs
            product, bias = (left, right) if left in products else (right, left)
            if product in products and bias in constants:
                made = products.pop(product)
                joined.append(replace(made, inputs=(*made.inputs[:2], bias), outputs=node.outputs))
                continue
        joined.append(node)
    return _live(joined, outputs)


def _check_kinds(nodes: Sequence[Node], known: Mapping[str, Rule]) -> None:
    for node in nodes:
        if node.kind not in known and node.kind not in FOLDED_KINDS and node.kind != "Shape":
            raise _unsupported(node)


def _unsupported(node: Node) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        f"operator {node.kind} has no lowering rule",
        where=node.where,
        fix=f"{_HINTS.get(node.kind, 'Replace it in the model')}, "
        f"or add a rule as one file in {RULES_FOLDER}/ with its test.",
    )


def _lower_node(node: Node, builder: Builder, constants: Constants, known: Mapping[str, Rule]) -> None:
    """Adds a value for the node's output, or a constant if the node computes with the static shapes of activations."""
    if node.kind == "Shape":
        result: Constant | None = Constant(np.array(builder.value(node).shape, np.int64))
    else:
        result = fold(node, constants)
    if result is not None:
        constants[node.outputs[0]] = result
    elif node.kind in known:
        builder.values[node.outputs[0]] = known[node.kind].lower(node, builder)
    else:
        raise _unsupported(node)


def _input(entry: SourceInput, builder: Builder, preferences: Preferences, *, is_read: bool, file: str) -> Value:
    """A graph input, stored as int8 in the layout that its readers prefer."""
    where = f"{file}: input {entry.name[:120]!r}"
    demands = builder.demands
    plain = not is_read or (entry.dtype != "float32" and not demands.is_stated(entry.name))
    quantization = _PLAIN_CODES if plain else demands.of(entry.name, where=where)
    permutation = preferences.of(entry.name, len(entry.shape), where=where)
    stored = permuted(entry.shape, permutation)
    return Value(builder.add_tensor(entry.name, stored, quantization, where=where), permutation, entry.dtype)


def _output(name: str, builder: Builder, source: Source) -> Value:
    if name not in builder.values:
        raise UnsupportedOperatorError(
            f"output {name[:120]!r} is a constant or a secondary output of its node",
            where=str(source.path),
            fix="Remove it from the model's outputs.",
        )
    return builder.values[name]
