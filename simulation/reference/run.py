"""Run a graph, or one operator of it, in the integer reference."""

from collections.abc import Mapping, Sequence

import numpy as np

from sparse_mcu.costmodel.errors import SparseMcuError, UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Graph, Operator
from sparse_mcu.simulation.reference.registry import Int8Array, Signature, meanings


def run_reference(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """The outputs of a network.

    Args:
        graph: The network.
        inputs: int8 array of each graph input, in its stored (NHWC) shape.

    Returns:
        Each graph output by name, in its stored shape.

    Raises:
        SparseMcuError: Inputs are missing, unknown, or of another shape or type.
        UnsupportedOperatorError: An operator has no meaning in the reference.
    """
    tensors = trace_reference(graph, inputs)
    return {name: tensors[name] for name in graph.outputs}


def trace_reference(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Every tensor of a network; arguments and errors as for `run_reference`."""
    if set(inputs) != set(graph.inputs):
        raise SparseMcuError(
            f"inputs {sorted(inputs)} given", where=graph.name, fix=f"Give exactly {sorted(graph.inputs)}."
        )
    for name, array in inputs.items():
        expected = graph.tensor(name).shape
        if array.dtype != np.int8 or array.shape != expected:
            raise SparseMcuError(
                f"input {name!r} is {array.dtype} {list(array.shape)}",
                where=graph.name,
                fix=f"It must be int8 {list(expected)}; see sparse_mcu.costmodel.graph.encode_input.",
            )
    tensors = dict(inputs)
    for operator in graph.operators:
        tensors[operator.output] = run_operator(graph, operator, [tensors[name] for name in operator.inputs])
    return tensors


def run_operator(graph: Graph, operator: Operator, inputs: Sequence[Int8Array]) -> Int8Array:
    """The output of one operator of `graph` for given int8 inputs, in their stored shapes.

    Raises:
        UnsupportedOperatorError: It has no meaning in the reference.
    """
    kind = type(operator)
    if kind not in meanings():
        raise UnsupportedOperatorError(
            f"operator {operator.name!r} ({kind.__name__}) has no reference",
            where=graph.name,
            fix="Add it as one file in simulation/reference/ with its test.",
        )
    return meanings()[kind](operator, Signature(graph.inputs_of(operator), graph.output_of(operator)), inputs)
