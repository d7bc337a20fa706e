"""Gives tensors the names that users know from their model: the last step of loading."""

from collections.abc import Mapping
from dataclasses import replace

from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.lowering.layout import Value
from sparse_mcu.costmodel.graph.lowering.lower import port_of
from sparse_mcu.costmodel.graph.names import Names
from sparse_mcu.costmodel.graph.operators import Operator, Reshape
from sparse_mcu.costmodel.graph.source import Source
from sparse_mcu.costmodel.graph.tensor import Tensor


def name_as_source(graph: Graph, source: Source, values: Mapping[str, Value]) -> Graph:
    """Names tensors after the ONNX tensors that they hold, inputs and outputs first.

    An output may be an input as well, or equal another output. It then becomes a view with a name of its own.

    Args:
        graph: The graph after the passes.
        source: The model, which names inputs and outputs.
        values: What the lowering made of each ONNX tensor.
    """
    names = Names()
    new = {old: names.unique(entry.name) for old, entry in zip(graph.inputs, source.inputs, strict=True)}
    views: list[tuple[str, str]] = []
    for old, wanted in zip(graph.outputs, source.outputs, strict=True):
        name = names.unique(wanted)
        if old in new:
            views.append((old, name))
        else:
            new[old] = name
    for onnx_name, value in values.items():
        old = value.tensor.name
        if old in graph.tensors and old not in new and not value.is_real:
            new[old] = names.unique(onnx_name)
    for old in graph.tensors:
        if old not in new:
            new[old] = names.unique(old)
    tensors = {new[old]: replace(tensor, name=new[old]) for old, tensor in graph.tensors.items()}
    operators = [
        replace(operator, inputs=tuple(new[name] for name in operator.inputs), output=new[operator.output])
        for operator in graph.operators
    ]
    operators += _views(views, new, tensors, operators)
    ports = {name: port_of(values[name]) for name in (*(entry.name for entry in source.inputs), *source.outputs)}
    return replace(
        graph,
        tensors=tensors,
        operators=tuple(operators),
        inputs=tuple(entry.name for entry in source.inputs),
        outputs=source.outputs,
        ports=ports,
    )


def _views(
    views: list[tuple[str, str]], new: Mapping[str, str], tensors: dict[str, Tensor], operators: list[Operator]
) -> list[Operator]:
    """A Reshape for each output whose tensor already has a name. Adds their tensors to `tensors`."""
    names = Names()
    for operator in operators:
        names.unique(operator.name)
    made: list[Operator] = []
    for old, name in views:
        source = tensors[new[old]]
        tensors[name] = replace(source, name=name)
        made.append(Reshape(name=names.unique(name), inputs=(source.name,), output=name))
    return made
