"""Inputs that users give as .npy files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from costmodel.errors import SparseMcuError
from costmodel.graph import Graph, Tensor


def load_inputs(path: Path, graph: Graph) -> dict[str, npt.NDArray[np.int8]]:
    """Read one inference's input from a .npy file.

    Args:
        path: An int8 array in quantised units, or a floating-point array that is quantised with the
            input's scale and zero point; of the input's shape (NHWC), with or without the batch of 1.
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
    tensor = graph.tensor(graph.inputs[0])
    return {tensor.name: _quantized(_load(path), tensor, path)}


def _load(path: Path) -> npt.NDArray[np.generic]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SparseMcuError(
            "not a readable .npy file", where=str(path), fix="Save the array with numpy.save(path, array)."
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise SparseMcuError("an archive of arrays, not one array", where=str(path), fix="Use numpy.save, not savez.")
    return array


def _quantized(array: npt.NDArray[np.generic], tensor: Tensor, path: Path) -> npt.NDArray[np.int8]:
    if tuple(array.shape) not in {tensor.shape, tensor.shape[1:]}:
        raise SparseMcuError(
            f"shape {tuple(array.shape)}, but the model's input is {tensor.shape} (NHWC)",
            where=str(path),
            fix="Reshape or transpose the array.",
        )
    if array.dtype == np.int8:
        return array.reshape(tensor.shape).astype(np.int8)
    if not np.issubdtype(array.dtype, np.floating) or not np.all(np.isfinite(array.astype(np.float64))):
        raise SparseMcuError(
            f"values of type {array.dtype} that are not all finite numbers",
            where=str(path),
            fix="Give int8 (quantised) or finite floating-point values.",
        )
    scaled = np.rint(array.astype(np.float64) / tensor.quantization.scale) + tensor.quantization.zero_point
    quantized: npt.NDArray[np.int8] = np.clip(scaled, -128, 127).astype(np.int8)
    return quantized.reshape(tensor.shape)
