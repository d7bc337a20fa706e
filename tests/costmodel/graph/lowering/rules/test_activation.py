"""Relu and Clip against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Clamp, Requantize


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    ratio=st.integers(300, 3000).map(lambda thousandths: thousandths / 997),
)
def test_a_relu_alone_is_a_requantize(seed: int, dtype: str, ratio: float) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    x = network.input((1, 300))
    y = network.requantize(x, x.scale * ratio, network.zero_point(), between="Relu")
    assert kinds(assert_agrees(network, y)) == ["Requantize"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), limits=st.tuples(st.floats(-3, 0.5), st.floats(-0.5, 3)))
def test_a_clip_alone_agrees_even_with_its_limits_crossed(seed: int, limits: tuple[float, float]) -> None:
    network = QdqNetwork(np.random.default_rng(seed))
    x = network.input((1, 300))
    bounds = [network.constant(np.array(limit, np.float32)) for limit in limits]
    clipped = network.node("Clip", [network.dequantize(x), *bounds])
    graph = assert_agrees(network, network.quantize(clipped, x.shape, x.scale * 1.3, -7))
    assert all(operator.clamp.low <= operator.clamp.high for operator in graph.operators)


def test_a_relu_in_the_units_of_its_input_joins_the_convolution_before() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 8, 8)), 4, (3, 3))
    y = network.requantize(x, x.scale, x.zero_point, between="Relu")
    (conv,) = assert_agrees(network, y).operators
    assert conv.clamp == Clamp(low=x.zero_point, high=127)


def test_a_relu_of_codes_is_a_maximum_with_code_zero() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.requantize(network.input((1, 50)), 0.03, 9)
    y = network.structural("Relu", [x], x.shape, direct=True)
    (relu,) = assert_agrees(network, y).operators
    assert isinstance(relu, Requantize)
    assert relu.clamp == Clamp(low=0, high=127)


def test_a_limit_without_a_scale_to_express_it_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 30), scale=0.1, zero_point=0)
    limits = [network.constant(np.array(limit, np.float32)) for limit in (0.0, 6.05)]
    clipped = network.node("Clip", [network.dequantize(x), *limits])
    weights, _ = network.weights((30, 4), 1, per_channel=False)
    y = network.quantize(network.node("MatMul", [clipped, weights]), (1, 4), 0.5, 0)
    with pytest.raises(UnsupportedQuantizationError, match="cannot express"):
        load_built(network, y)
