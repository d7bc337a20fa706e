"""QuantizeLinear and DequantizeLinear against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    ratio=st.integers(50, 8000).map(lambda thousandths: thousandths / 997),
)
def test_a_quantize_on_a_dequantize_requantises(seed: int, dtype: str, ratio: float) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    x = network.input((1, 400))
    assert kinds(assert_agrees(network, network.requantize(x, x.scale * ratio, network.zero_point()))) == ["Requantize"]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_the_boundary_is_dropped(dtype: str) -> None:
    network = QdqNetwork(np.random.default_rng(0), dtype=dtype, float_boundary=True)
    graph = assert_agrees(network, network.dense(network.input((1, 20)), 5))
    assert kinds(graph) == ["Dense"]
    assert graph.ports[graph.inputs[0]].dtype == graph.ports[graph.outputs[0]].dtype == "float32"


def test_a_pair_in_the_same_units_vanishes() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.dense(network.input((1, 20)), 5)
    assert kinds(assert_agrees(network, network.requantize(x, x.scale, x.zero_point))) == ["Dense"]


def test_one_requantize_serves_all_who_want_those_units() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 20))
    ends = [network.requantize(x, 0.05, 3), network.requantize(x, 0.05, 3)]
    assert kinds(assert_agrees(network, *ends)) == ["Requantize", "Reshape"]


def test_codes_read_with_another_scale_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.requantize(network.input((1, 20)), 0.05, 3)
    misread = Quantized(x.name, x.shape, 0.06, 3)
    with pytest.raises(UnsupportedQuantizationError, match=r"int8 codes of scale 0\.05 and zero point 3, read as"):
        load_built(network, network.conv(network.reshape(misread, (1, 1, 4, 5)), 2, (2, 2)), x)


@pytest.mark.parametrize("scale", [0.0, -0.1, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    with pytest.raises(UnsupportedQuantizationError, match="is not a positive number"):
        load_built(network, network.requantize(network.input((1, 4)), scale, 0))


def test_a_scale_that_is_computed_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4))
    zero = network.constant(np.array(0, np.int8))
    y = Quantized(network.node("QuantizeLinear", [network.dequantize(x), x.name, zero]), (1, 4), 0.1, 0)
    with pytest.raises(ModelError, match="scale or zero point is no constant"):
        load_built(network, y)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_other_types_of_activations_are_refused(dtype: type) -> None:
    network = QdqNetwork(np.random.default_rng(0), opset=21)
    x = network.dequantize(network.input((1, 4)))
    scale, zero = network.constant(np.array(0.1, np.float32)), network.constant(np.array(0, dtype))
    y = network.node("QuantizeLinear", [x, scale, zero])
    back = network.node("DequantizeLinear", [y, scale, zero])
    with pytest.raises(UnsupportedQuantizationError, match="activations of type"):
        load_built(network, network.quantize(back, (1, 4), 0.1, 0))


def test_activations_quantised_per_channel_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.dequantize(network.input((1, 4)))
    scale, zero = network.constant(np.ones(4, np.float32)), network.constant(np.zeros(4, np.int8))
    y = Quantized(network.node("QuantizeLinear", [x, scale, zero]), (1, 4), 0.1, 0)
    with pytest.raises(UnsupportedQuantizationError, match="quantised per channel"):
        load_built(network, y)
