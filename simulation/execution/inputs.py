"""Converts inputs that users give, as arrays or as files, to what the firmware stores."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import Graph, encode_input

Array = npt.NDArray[np.generic]
GivenInputs = Array | Mapping[str, Array] | str | PathLike[str]
"""The array of a model's only input, the arrays of all inputs by name, or the path of a .npy file."""


def stored_inputs(given: GivenInputs, graph: Graph) -> dict[str, npt.NDArray[np.int8]]:
    """Returns the inputs of one inference as the firmware stores them.

    Args:
        given: An array has the axes and the type that the ONNX model takes, with or without the batch of 1. Or it is an
            int8 array in stored form (NHWC, quantised).
        graph: The network. It has one input, or each input is given by its name.

    Raises:
        SparseMcuError: The file is missing or holds no array, or an input is missing or has another shape or type.
    """
    if isinstance(given, str | PathLike):
        name = _only(graph, "a .npy file holds one array")
        return {name: _stored(_load(Path(given)), graph, name, str(given))}
    if isinstance(given, Mapping):
        if set(given) != set(graph.inputs):
            raise SparseMcuError(
                f"got {', '.join(map(repr, given)) or 'no input'}, but the model has {', '.join(graph.inputs)}",
                where=graph.name,
                fix="Give one array for each input.",
            )
        return {name: _stored(np.asarray(given[name]), graph, name, graph.name) for name in graph.inputs}
    name = _only(graph, "only one array was given")
    return {name: _stored(np.asarray(given), graph, name, graph.name)}


def _only(graph: Graph, but: str) -> str:
    """Returns the name of the model's only input."""
    if len(graph.inputs) != 1:
        raise SparseMcuError(
            f"the model has {len(graph.inputs)} inputs, but {but}",
            where=graph.name,
            fix="Give no input. Then a fixed pseudo-random one is used.",
        )
    return graph.inputs[0]


def _load(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        what = f"the file cannot be read: {reason}" if reason else "the file is not a readable .npy file"
        raise SparseMcuError(what, where=str(path), fix="Save the array with numpy.save(path, array).") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise SparseMcuError(
            "the file is an archive of arrays, not one array", where=str(path), fix="Use numpy.save, not savez."
        )
    return array


def _stored(array: Array, graph: Graph, name: str, where: str) -> npt.NDArray[np.int8]:
    port, tensor = graph.ports[name], graph.tensor(name)
    if array.shape == port.shape[1:]:
        array = array[np.newaxis]
    if array.dtype == np.int8 and array.shape == tensor.shape and port.dtype != "int8":
        return np.ascontiguousarray(array, np.int8)
    if array.shape != port.shape:
        raise SparseMcuError(
            f"the array has shape {array.shape}, but the model's input {name!r} has {port.shape}",
            where=where,
            fix="Reshape or transpose the array.",
        )
    return encode_input(graph, name, array)
