"""Inputs that users give: arrays, or files of one."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import Graph, encode_input

Array = npt.NDArray[np.generic]
GivenInputs = Array | Mapping[str, Array] | str | PathLike[str]
"""The array of a model's one input, the arrays of all by name, or the path of a .npy file."""


def stored_inputs(given: GivenInputs, graph: Graph) -> dict[str, npt.NDArray[np.int8]]:
    """One inference's inputs as the firmware stores them.

    Args:
        given: Each array is one as the ONNX model itself takes it (axes, type), with or without the batch of 1; or an
            int8 array in stored form (NHWC, quantised).
        graph: The network; it has one input, or each is given by its name.

    Raises:
        SparseMcuError: The file is missing or not an array, an input is missing, or of another shape or type.
    """
    if isinstance(given, str | PathLike):
        return {_only(graph, "a .npy file holds one"): _stored(_load(Path(given)), graph, graph.inputs[0], str(given))}
    if isinstance(given, Mapping):
        if set(given) != set(graph.inputs):
            raise SparseMcuError(
                f"inputs {', '.join(map(repr, given)) or 'without any'}, but the model has {', '.join(graph.inputs)}",
                where=graph.name,
                fix="Give an array for each.",
            )
        return {name: _stored(np.asarray(given[name]), graph, name, graph.name) for name in graph.inputs}
    return {_only(graph, "an array is one"): _stored(np.asarray(given), graph, graph.inputs[0], graph.name)}


def _only(graph: Graph, but: str) -> str:
    """The name of the model's one input."""
    if len(graph.inputs) != 1:
        raise SparseMcuError(
            f"the model has {len(graph.inputs)} inputs, {but}",
            where=graph.name,
            fix="Give no input: a fixed pseudo-random one is used.",
        )
    return graph.inputs[0]


def _load(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        what = f"cannot be read ({reason})" if reason else "not a readable .npy file"
        raise SparseMcuError(what, where=str(path), fix="Save the array with numpy.save(path, array).") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise SparseMcuError("an archive of arrays, not one array", where=str(path), fix="Use numpy.save, not savez.")
    return array


def _stored(array: Array, graph: Graph, name: str, where: str) -> npt.NDArray[np.int8]:
    port, tensor = graph.ports[name], graph.tensor(name)
    if array.shape == port.shape[1:]:
        array = array[np.newaxis]
    if array.dtype == np.int8 and array.shape == tensor.shape and port.dtype != "int8":
        return np.ascontiguousarray(array, np.int8)
    if array.shape != port.shape:
        raise SparseMcuError(
            f"shape {array.shape}, but the model's input {name!r} is {port.shape}",
            where=where,
            fix="Reshape or transpose the array.",
        )
    return encode_input(graph, name, array)
