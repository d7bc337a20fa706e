"""Gemm and MatMul against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Dense


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_form_of_dense_layer_agrees(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        dtype=draw(st.sampled_from(["int8", "uint8"])),
        float_boundary=draw(st.booleans()),
    )
    y = network.dense(
        network.input((1, draw(st.integers(1, 90)))),
        draw(st.integers(1, 40)),
        form=draw(st.sampled_from(["Gemm", "MatMul"])),
        per_channel=draw(st.booleans()),
        bias=draw(st.sampled_from(["int32", "float32", None])),
        relu=draw(st.booleans()),
    )
    assert kinds(assert_agrees(network, y)) == ["Dense"]


def test_a_matrix_of_rows_becomes_a_pointwise_convolution() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    graph = assert_agrees(network, network.dense(network.input((1, 7, 20)), 9, form="MatMul"))
    assert kinds(graph) == ["Reshape", "Conv2d", "Reshape"]


def test_flattening_before_a_dense_layer_costs_nothing() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 8, 8)), 5, (3, 3))
    graph = assert_agrees(network, network.dense(network.flatten(x), 6))
    assert kinds(graph) == ["Conv2d", "Reshape", "Dense"]


def test_alpha_and_beta_go_into_the_scales() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 30))
    weights, scales = network.weights((8, 30), 0, per_channel=True)
    bias = network.bias(8, x.scale * scales, 1.0, "int32")
    product = network.node("Gemm", [network.dequantize(x), weights, bias], transB=1, alpha=0.5, beta=2.0)
    graph = assert_agrees(network, network.quantize(product, (1, 8), 0.08, 3))
    assert kinds(graph) == ["Dense"]


def test_weights_may_be_stored_as_floats_that_are_quantised_in_the_graph() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 30))
    real = network.constant(network.rng.normal(0, 0.3, (30, 8)).astype(np.float32))
    weights = network.dequantize(network.quantize(real, (30, 8), 0.01, 0))
    product = network.node("MatMul", [network.dequantize(x), weights])
    assert kinds(assert_agrees(network, network.quantize(product, (1, 8), 0.05, 3))) == ["Dense"]


def test_transposed_weights_are_transposed_once_and_for_all() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 30))
    weights, _ = network.weights((8, 30), 0, per_channel=True)
    product = network.node("MatMul", [network.dequantize(x), network.node("Transpose", [weights], perm=(1, 0))])
    assert kinds(assert_agrees(network, network.quantize(product, (1, 8), 0.08, 3))) == ["Dense"]


def test_uint8_weights_around_128_are_symmetric() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 30))
    codes = network.constant(network.rng.integers(1, 256, (30, 8)).astype(np.uint8))
    scale, zero = network.constant(np.array(0.01, np.float32)), network.constant(np.array(128, np.uint8))
    weights = network.node("DequantizeLinear", [codes, scale, zero])
    product = network.node("MatMul", [network.dequantize(x), weights])
    (dense,) = assert_agrees(network, network.quantize(product, (1, 8), 0.08, 3)).operators
    assert isinstance(dense, Dense)


def test_asymmetric_weights_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4))
    codes = network.constant(np.array([[0, 255, 7, 9]], np.uint8).T)
    scale, zero = network.constant(np.array(0.01, np.float32)), network.constant(np.array(90, np.uint8))
    product = network.node("MatMul", [network.dequantize(x), network.node("DequantizeLinear", [codes, scale, zero])])
    with pytest.raises(UnsupportedQuantizationError, match="zero point other than 0"):
        load_built(network, network.quantize(product, (1, 1), 0.08, 3))


def test_scales_along_the_inputs_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 6))
    weights, _ = network.weights((6, 6), 0, per_channel=True)
    product = network.node("MatMul", [network.dequantize(x), weights])
    with pytest.raises(UnsupportedQuantizationError, match="quantised along axis 0"):
        load_built(network, network.quantize(product, (1, 6), 0.08, 3))


def test_a_product_of_activations_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    left, right = network.input((1, 4)), network.input((1, 4))
    product = network.node("MatMul", [network.dequantize(left), network.dequantize(right)])
    with pytest.raises(UnsupportedOperatorError, match="product of two activations"):
        load_built(network, network.quantize(product, (1, 4), 0.08, 3))
