"""Arrays of the model <-> stored tensors."""

import numpy as np
import pytest
from differential import load_built
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph import Graph, decode_output, encode_batch, encode_input


def network_of(dtype: str, *, float_boundary: bool) -> Graph:
    """A convolution: its input and output are NCHW in the model."""
    network = QdqNetwork(np.random.default_rng(0), dtype=dtype, float_boundary=float_boundary)
    x = network.input((1, 3, 4, 5), scale=0.5, zero_point=130 if dtype == "uint8" else 2)
    return load_built(network, network.conv(x, 2, (1, 1)))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_codes_are_moved_and_shifted(dtype: str) -> None:
    graph = network_of(dtype, float_boundary=False)
    array = np.arange(60, dtype=dtype).reshape(1, 3, 4, 5)
    stored = encode_input(graph, graph.inputs[0], array)
    shift = 128 if dtype == "uint8" else 0
    assert stored.dtype == np.int8
    assert np.array_equal(stored.astype(int) + shift, array.transpose(0, 2, 3, 1))
    out = np.arange(40, dtype=np.int8).reshape(1, 4, 5, 2)
    decoded = decode_output(graph, graph.outputs[0], out)
    assert decoded.dtype == dtype
    assert np.array_equal(decoded.astype(int) - shift, out.transpose(0, 3, 1, 2))


def test_floats_are_quantised_to_nearest_even_and_saturated() -> None:
    graph = network_of("int8", float_boundary=True)
    array = np.zeros((1, 3, 4, 5), np.float32)
    array[0, 0, 0] = [0.25, 0.75, -0.25, 1e6, -1e6]
    stored = encode_input(graph, graph.inputs[0], array)
    assert stored[0, 0, :, 0].tolist() == [2, 4, 2, 127, -128]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 4, 5, 3), np.int8), r"shape \[1, 4, 5, 3\]"),
        (np.zeros((1, 3, 4, 5), np.float32), "type float32, not int8"),
        (np.full((1, 3, 4, 5), 200), "numbers outside of int8"),
    ],
)
def test_arrays_that_do_not_suit_are_refused(array: np.ndarray, message: str) -> None:
    graph = network_of("int8", float_boundary=False)
    with pytest.raises(ModelError, match=message):
        encode_input(graph, graph.inputs[0], array)


def test_a_batch_is_encoded_as_its_inputs_one_by_one() -> None:
    graph = network_of("int8", float_boundary=True)
    arrays = np.random.default_rng(0).normal(0, 40, (5, 1, 3, 4, 5)).astype(np.float32)
    stored = encode_batch(graph, graph.inputs[0], arrays)
    assert stored.flags.c_contiguous
    assert np.array_equal(stored, [encode_input(graph, graph.inputs[0], array) for array in arrays])


def test_numbers_that_are_none_are_refused() -> None:
    graph = network_of("int8", float_boundary=True)
    with pytest.raises(ModelError, match="NaN or infinity"):
        encode_input(graph, graph.inputs[0], np.full((1, 3, 4, 5), np.nan))


def test_unknown_names_are_refused() -> None:
    graph = network_of("int8", float_boundary=False)
    with pytest.raises(ModelError, match="no input 'x'"):
        encode_input(graph, "x", np.zeros(1))
    with pytest.raises(ModelError, match="no output 'y'"):
        decode_output(graph, "y", np.zeros(1, np.int8))
