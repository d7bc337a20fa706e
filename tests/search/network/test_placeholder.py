"""Placeholder networks: quantised like trained ones, without zeros, and always the same."""

import numpy as np

from sparse_mcu.search.network.onnx_file import build_model
from sparse_mcu.search.network.placeholder import placeholder_network
from sparse_mcu.search.space.description import parse
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task

ARCHITECTURE = build_architecture(parse("pool2 conv-3x4/max sep-3x6 avg dense-8 dense"), Task((1, 16, 16), 10))


def test_every_layer_has_weights_of_its_shape_without_zeros() -> None:
    network = placeholder_network(ARCHITECTURE)
    assert [quantized.layer for quantized in network.layers] == list(ARCHITECTURE.layers)
    for quantized in network.layers:
        assert (quantized.weights is not None) == (quantized.layer.weights > 0)
        if quantized.weights is not None:
            assert quantized.weights.values.size == quantized.layer.weights
            assert np.count_nonzero(quantized.weights.values) > 0.99 * quantized.weights.values.size
            assert np.abs(quantized.weights.values).max() == 127


def test_outputs_after_a_relu_begin_at_zero_and_logits_do_not() -> None:
    *layers, logits = placeholder_network(ARCHITECTURE).layers
    assert {quantized.output.zero_point for quantized in layers} == {-128}
    assert logits.output.zero_point in {-1, 0}


def test_the_same_architecture_gives_the_same_file() -> None:
    files = [build_model(placeholder_network(ARCHITECTURE), name="n").SerializeToString() for _ in range(2)]
    assert files[0] == files[1]
