"""Inputs that users give as .npy files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import SparseMcuError
from sparse_mcu.costmodel.graph import Graph, encode_input


def load_inputs(path: Path, graph: Graph) -> dict[str, npt.NDArray[np.int8]]:
    """Read one inference's input from a .npy file.

    Args:
        path: The array as the ONNX model itself takes it (axes, type), with or without the batch of 1; or an int8
            array in stored form (NHWC, quantised).
        graph: The network; it must have one input.

    Raises:
        SparseMcuError: The file is missing, not an array, or of another shape or type.
    """
    if len(graph.inputs) != 1:
        raise SparseMcuError(
            f"the model has {len(graph.inputs)} inputs, a .npy file holds one",
            where=graph.name,
            fix="Leave --input out: a fixed pseudo-random input is used.",
        )
    (name,) = graph.inputs
    return {name: _stored(_load(path), graph, name, path)}


def _load(path: Path) -> npt.NDArray[np.generic]:
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


def _stored(array: npt.NDArray[np.generic], graph: Graph, name: str, path: Path) -> npt.NDArray[np.int8]:
    port, tensor = graph.ports[name], graph.tensor(name)
    if array.shape == port.shape[1:]:
        array = array[np.newaxis]
    if array.dtype == np.int8 and array.shape == tensor.shape and port.dtype != "int8":
        return np.ascontiguousarray(array, np.int8)
    if array.shape != port.shape:
        raise SparseMcuError(
            f"shape {array.shape}, but the model's input {name!r} is {port.shape}",
            where=str(path),
            fix="Reshape or transpose the array.",
        )
    return encode_input(graph, name, array)
