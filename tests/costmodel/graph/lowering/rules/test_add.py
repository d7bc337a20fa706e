"""Add against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Add


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    scales=st.tuples(st.floats(1e-3, 1.0), st.floats(1e-3, 1.0)),
    relu=st.booleans(),
)
def test_additions_of_any_scales_agree(seed: int, dtype: str, scales: tuple[float, float], relu: bool) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    left, right = (network.input((1, 4, 6, 5), scale=float(np.float32(scale))) for scale in scales)
    graph = assert_agrees(network, network.add(left, right, relu=relu))
    (add,) = graph.operators
    assert isinstance(add, Add)
    assert all(0 <= multiplier < 2**22 for multiplier in add.multipliers)
    reach = [max(127 - t.quantization.zero_point, 128 + t.quantization.zero_point) for t in graph.inputs_of(add)]
    assert reach[0] * add.multipliers[0] + reach[1] * add.multipliers[1] + 2 ** (add.shift - 1) < 2**31


def test_a_tensor_added_to_itself_agrees() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4, 6, 5))
    assert kinds(assert_agrees(network, network.add(x, x))) == ["Add"]


def test_inputs_stored_in_different_layouts_meet_in_one() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    image = network.conv(network.input((1, 3, 6, 5)), 4, (1, 1))
    other = network.reshape(network.input((1, 120)), (1, 4, 6, 5))
    assert kinds(assert_agrees(network, network.add(image, other))) == ["Conv2d", "Reshape", "Transpose", "Add"]


def test_the_addition_of_a_constant_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4))
    total = network.node("Add", [network.dequantize(x), network.constant(np.ones((1, 4), np.float32))])
    with pytest.raises(UnsupportedOperatorError, match="addition of a constant"):
        load_built(network, network.quantize(total, (1, 4), 0.1, 0))


def test_broadcasting_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    left, right = network.input((1, 4, 6, 5)), network.input((1, 4, 1, 1))
    total = network.node("Add", [network.dequantize(left), network.dequantize(right)])
    with pytest.raises(UnsupportedOperatorError, match="broadcast"):
        load_built(network, network.quantize(total, left.shape, 0.1, 0))


def test_an_output_scale_far_too_small_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4), scale=1.0)
    total = network.node("Add", [network.dequantize(x), network.dequantize(x)])
    with pytest.raises(UnsupportedQuantizationError, match="far above the output's"):
        load_built(network, network.quantize(total, (1, 4), 1e-8, 0))
