"""Runs a graph, or one operator of it, in the integer reference: for one image, or for many at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from sparse_mcu.costmodel.errors import SparseMcuError, UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Graph, Operator
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meanings

_BYTES_AT_A_TIME = 2**20


def run_reference(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Computes the outputs of a network for one image.

    Args:
        graph: The network.
        inputs: int8 array of each graph input, in its stored (NHWC) shape.

    Returns:
        Each graph output by name, in its stored shape.

    Raises:
        SparseMcuError: Inputs are missing or unknown, or have another shape or type.
        UnsupportedOperatorError: An operator has no meaning in the reference.
    """
    tensors = trace_reference(graph, inputs)
    return {name: tensors[name] for name in graph.outputs}


def run_batch(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Computes the outputs of a network for many images. They equal those of `run_reference` bit for bit.

    Memory is bounded: images are computed together as long as all of their tensors take at most a mebibyte.

    Args:
        graph: The network.
        inputs: int8 array [n, *stored shape] of each graph input. n is at least 1 and the same for all.

    Returns:
        Each graph output by name, [n, *stored shape].

    Raises:
        SparseMcuError: As for `run_reference`.
    """
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1 or 0 in counts:
        raise SparseMcuError(
            f"the inputs hold {sorted(counts)} images", where=graph.name, fix="Give every input for the same images."
        )
    _check(graph, inputs, batch_axes=1)
    (count,) = counts
    step = max(1, _BYTES_AT_A_TIME // sum(tensor.size_bytes for tensor in graph.tensors.values()))
    parts = [
        _outputs(graph, {name: array[first : first + step] for name, array in inputs.items()})
        for first in range(0, count, step)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in graph.outputs}


def trace_reference(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Computes every tensor of a network for one image. The arguments and errors are those of `run_reference`."""
    _check(graph, inputs, batch_axes=0)
    tensors = dict(inputs)
    for operator in graph.operators:
        tensors[operator.output] = run_operator(graph, operator, [tensors[name] for name in operator.inputs])
    return tensors


def run_operator(graph: Graph, operator: Operator, inputs: Sequence[Int8Array]) -> Int8Array:
    """Computes the output of one operator of `graph` for given int8 inputs, in their stored shapes.

    Raises:
        UnsupportedOperatorError: The operator has no meaning in the reference.
    """
    output: Int8Array = _run_operator(graph, operator, [array[np.newaxis] for array in inputs])[0]
    return output


def _outputs(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Computes the graph's outputs for a batch at once."""
    tensors = dict(inputs)
    for operator in graph.operators:
        tensors[operator.output] = _run_operator(graph, operator, [tensors[name] for name in operator.inputs])
    return {name: tensors[name] for name in graph.outputs}


def _run_operator(graph: Graph, operator: Operator, inputs: Sequence[Int8Array]) -> Int8Array:
    """Computes the output [n, *stored shape] of one operator for inputs [n, *stored shape]."""
    kind = type(operator)
    if kind not in meanings():
        raise UnsupportedOperatorError(
            f"operator {operator.name!r} ({kind.__name__}) has no meaning in the reference",
            where=graph.name,
            fix="Add it as one file in simulation/reference/ with its test.",
        )
    return meanings()[kind](operator, Signature(graph.inputs_of(operator), graph.output_of(operator)), inputs)


def _check(graph: Graph, inputs: Mapping[str, Int8Array], *, batch_axes: int) -> None:
    if set(inputs) != set(graph.inputs):
        raise SparseMcuError(
            f"the given inputs are {sorted(inputs)}", where=graph.name, fix=f"Give exactly {sorted(graph.inputs)}."
        )
    for name, array in inputs.items():
        expected = graph.tensor(name).shape
        if array.dtype != np.int8 or array.shape[batch_axes:] != expected:
            raise SparseMcuError(
                f"input {name!r} is {array.dtype} {list(array.shape[batch_axes:])}",
                where=graph.name,
                fix=f"Give int8 {list(expected)}; see sparse_mcu.costmodel.graph.encode_input.",
            )
