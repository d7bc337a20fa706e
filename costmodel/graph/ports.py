"""Converts arrays of the ONNX model into the bytes of the firmware, and back."""

import numpy as np
import numpy.typing as npt

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.graph import Graph
from sparse_mcu.costmodel.graph.lowering.layout import inverse


def encode_input(graph: Graph, name: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.int8]:
    """Converts an input of the ONNX model into the stored int8 tensor.

    Floats are quantised as QuantizeLinear does it: to the nearest code, ties to even, saturated.

    Args:
        graph: The graph.
        name: One of its inputs.
        array: The input in ONNX axes: floats for a float32 input, else integers in the range of its type.

    Raises:
        ModelError: There is no such input, or it does not take the shape, type or values of the array.
    """
    stored: npt.NDArray[np.int8] = encode_batch(graph, name, array[np.newaxis])[0]
    return stored


def encode_batch(graph: Graph, name: str, arrays: npt.NDArray[np.generic]) -> npt.NDArray[np.int8]:
    """Many inputs [n, *shape in ONNX axes] -> stored int8 tensors [n, *stored shape]; as `encode_input` for each."""
    if name not in graph.inputs:
        raise ModelError(f"no input {name!r}", where=graph.name, fix=f"Inputs are {', '.join(graph.inputs)}.")
    port, quantization = graph.ports[name], graph.tensor(name).quantization
    where = f"input {name!r}"
    if arrays.shape[1:] != port.shape:
        raise ModelError(f"shape {list(arrays.shape[1:])}, not {list(port.shape)}", where=where)
    if arrays.dtype.kind not in ("f" if port.dtype == "float32" else "iu"):
        raise ModelError(f"type {arrays.dtype}, not {port.dtype}", where=where)
    codes = arrays.astype(np.float64)
    if not np.all(np.isfinite(codes)):
        raise ModelError("NaN or infinity", where=where)
    if port.dtype == "float32":
        codes = np.clip(np.rint(codes / quantization.scale) + quantization.zero_point, -128, 127)
    elif port.dtype == "uint8":
        codes = codes - 128
    if codes.min(initial=0) < -128 or codes.max(initial=0) > 127:  # noqa: PLR2004 - the limits of int8
        raise ModelError(f"numbers outside of {port.dtype}", where=where)
    return np.ascontiguousarray(codes.astype(np.int8).transpose(0, *(1 + axis for axis in port.permutation)))


def decode_output(graph: Graph, name: str, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.generic]:
    """Converts the stored int8 tensor of an output into the array that the ONNX model gives.

    Raises:
        ModelError: There is no such output.
    """
    if name not in graph.outputs:
        raise ModelError(f"no output {name!r}", where=graph.name, fix=f"Outputs are {', '.join(graph.outputs)}.")
    port, quantization = graph.ports[name], graph.tensor(name).quantization
    codes = stored.reshape(graph.tensor(name).shape).transpose(inverse(port.permutation))
    if port.dtype == "float32":
        return ((codes.astype(np.float64) - quantization.zero_point) * quantization.scale).astype(np.float32)
    return (codes.astype(np.int16) + 128).astype(np.uint8) if port.dtype == "uint8" else codes
