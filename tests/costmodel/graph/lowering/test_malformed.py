"""Nodes that contradict themselves: each is refused with a typed error that names it."""

from collections.abc import Callable

import numpy as np
import pytest
from differential import load_built
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError, UnsupportedQuantizationError

Make = Callable[[QdqNetwork], str]
"""Makes a float node from a network; its output is quantised to (1, 4)."""


def weights(network: QdqNetwork, *shape: int) -> str:
    """Quantised weights."""
    return network.weights(shape, 0, per_channel=False)[0]


def real(network: QdqNetwork, *shape: int) -> str:
    """A dequantised input."""
    return network.dequantize(network.input(shape or (1, 4)))


def numbers(network: QdqNetwork, *values: float, dtype: type = np.int64) -> str:
    """A constant list."""
    return network.constant(np.array(values, dtype))


MALFORMED: dict[str, tuple[Make, type[ModelError], str]] = {
    "no rule, with a hint": (
        lambda n: n.node("BatchNormalization", [real(n)] * 5),
        UnsupportedOperatorError,
        "Fold it into the layer before",
    ),
    "dynamic quantisation": (
        lambda n: n.node("DynamicQuantizeLinear", [real(n)]),
        UnsupportedOperatorError,
        "Quantise statically",
    ),
    "no rule": (
        lambda n: n.node("GatherElements", [real(n), numbers(n, 1)]),
        UnsupportedOperatorError,
        "GatherElements has no lowering rule",
    ),
    "input left out": (lambda n: n.node("Relu", [""]), ModelError, "input 0 .* must be an activation"),
    "codes where numbers belong": (
        lambda n: n.node("MatMul", [n.input((1, 4)).name, weights(n, 4, 4)]),
        ModelError,
        "input 0 is int8, not float",
    ),
    "weights that are computed": (
        lambda n: n.node("Conv", [real(n, 1, 1, 4, 4), real(n, 1, 1, 2, 2)]),
        ModelError,
        "input 1 must be a constant",
    ),
    "weights of another rank": (
        lambda n: n.node("Conv", [real(n, 1, 1, 4, 4), weights(n, 4, 1, 2)]),
        ModelError,
        r"weights of shape \[4, 1, 2\]",
    ),
    "shape of floats": (
        lambda n: n.node("Reshape", [real(n), numbers(n, 1, 4, dtype=np.float32)]),
        ModelError,
        "must list integers",
    ),
    "reshape without a shape": (lambda n: n.node("Reshape", [real(n)]), ModelError, "its shape is missing"),
    "flatten beyond the rank": (lambda n: n.node("Flatten", [real(n)], axis=5), ModelError, "axis 5 of rank 2"),
    "axes twice": (
        lambda n: n.node("Unsqueeze", [real(n), numbers(n, 0, 0)]),
        ModelError,
        r"axes \[0, 0\] of rank 4",
    ),
    "softmax beyond the rank": (lambda n: n.node("Softmax", [real(n)], axis=2), ModelError, "axis 2 of rank 2"),
    "concat of nothing": (lambda n: n.node("Concat", [], axis=0), ModelError, "0 inputs"),
    "clip with two limits in one": (
        lambda n: n.node("Clip", [real(n), numbers(n, 0, 1, dtype=np.float32)]),
        ModelError,
        "no single number",
    ),
    "gemm transposed": (
        lambda n: n.node("Gemm", [real(n), weights(n, 4, 4)], transA=1),
        UnsupportedOperatorError,
        "transA",
    ),
    "gemm negated": (
        lambda n: n.node("Gemm", [real(n), weights(n, 4, 4)], alpha=-1.0),
        UnsupportedOperatorError,
        "alpha of -1",
    ),
    "matmul of other depths": (
        lambda n: n.node("MatMul", [real(n), weights(n, 5, 4)]),
        ModelError,
        "with 5 weights per output",
    ),
    "too many channels": (
        lambda n: n.node("MatMul", [real(n, 1, 1), weights(n, 1, 70_000)]),
        ModelError,
        "70000 output channels, more than 65536",
    ),
    "matmul by a vector": (lambda n: n.node("MatMul", [real(n), weights(n, 4)]), ModelError, "not a matrix"),
    "pads of other lengths": (
        lambda n: n.node("Pad", [real(n, 1, 1, 2, 2), numbers(n, 1, 1)]),
        ModelError,
        r"pads \[1, 1\]",
    ),
    "negative pads": (
        lambda n: n.node("Pad", [real(n, 1, 1, 4, 4), numbers(n, 0, 0, -1, 0, 0, 0, 0, 0)]),
        UnsupportedOperatorError,
        "negative padding",
    ),
    "pads with two values": (
        lambda n: n.node(
            "Pad", [real(n, 1, 1, 4, 4), numbers(n, 0, 0, 1, 0, 0, 0, 0, 0), numbers(n, 1, 2, dtype=np.float32)]
        ),
        ModelError,
        "its value is no single number",
    ),
    "pool without a kernel": (lambda n: n.node("MaxPool", [real(n, 1, 1, 4, 4)]), ModelError, r"kernel_shape \[\]"),
    "pool of padding alone": (
        lambda n: n.node("MaxPool", [real(n, 1, 1, 4, 4)], kernel_shape=(2, 2), pads=(2, 0, 0, 0)),
        ModelError,
        "holds whole windows",
    ),
    "numbers dequantised again": (
        lambda n: n.node("DequantizeLinear", [real(n), numbers_scale(n), n.constant(np.array(0, np.int8))]),
        ModelError,
        "already float",
    ),
    "no zero point": (
        lambda n: n.node("DequantizeLinear", [n.input((1, 4)).name, numbers_scale(n)]),
        UnsupportedQuantizationError,
        "no zero point",
    ),
    "scale of integers": (
        lambda n: n.node("DequantizeLinear", [n.input((1, 4)).name, numbers(n, 1), numbers(n, 0, dtype=np.int8)]),
        ModelError,
        "scale of type int64",
    ),
    "scale and zero point of other shapes": (
        lambda n: n.node(
            "DequantizeLinear",
            [n.input((1, 4)).name, numbers(n, 1, 1, dtype=np.float32), numbers(n, 0, 0, 0, dtype=np.int8)],
        ),
        ModelError,
        r"scale of shape \[2\] with zero point of shape \[3\]",
    ),
    "blocks": (
        lambda n: n.node(
            "DequantizeLinear", [n.input((1, 4)).name, numbers_scale(n), n.constant(np.array(0, np.int8))], block_size=2
        ),
        UnsupportedQuantizationError,
        "blocked quantisation",
    ),
    "weights of int32": (
        lambda n: n.node(
            "MatMul",
            [
                real(n),
                n.node(
                    "DequantizeLinear",
                    [n.constant(np.ones((4, 4), np.int32)), numbers_scale(n), n.constant(np.array(0, np.int32))],
                ),
            ],
        ),
        UnsupportedQuantizationError,
        "weights of type int32",
    ),
}


def numbers_scale(network: QdqNetwork) -> str:
    """A scale."""
    return network.constant(np.array(0.1, np.float32))


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_nodes_are_refused(name: str) -> None:
    make, kind, message = MALFORMED[name]
    network = QdqNetwork(np.random.default_rng(0), opset=21)
    network.input((1, 4))
    y = network.quantize(make(network), (1, 4), 0.1, 0)
    with pytest.raises(kind, match=message) as caught:
        load_built(network, y)
    assert "node" in str(caught.value)


def test_an_output_that_is_a_constant_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    network.input((1, 4))
    y = Quantized(network.node("Identity", [network.constant(np.zeros((1, 4), np.int8))]), (1, 4), 0.1, 0)
    with pytest.raises(UnsupportedOperatorError, match="is a constant or a secondary output"):
        load_built(network, y)


def test_constants_used_over_and_over_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 1000))
    shared = network.constant(np.ones((1000, 1000), np.int8))
    w = network.node("DequantizeLinear", [shared, numbers_scale(network), network.constant(np.array(0, np.int8))])
    for _ in range(40):
        x = network.quantize(network.node("MatMul", [network.dequantize(x), w]), x.shape, 5.0, 0)
    with pytest.raises(ModelError, match="nodes use more than 16777216 constant elements"):
        load_built(network, x)


def test_constants_made_over_and_over_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.requantize(network.input((1, 4)), 0.1, 0)
    shared = network.constant(np.ones((1000, 1000), np.float32))
    for _ in range(40):
        network.quantize(shared, (1000, 1000), 0.1, 0)
    with pytest.raises(ModelError, match="made by nodes have more than 16777216 elements"):
        load_built(network, x)


def test_an_unused_input_stays_an_input() -> None:
    network = QdqNetwork(np.random.default_rng(0), float_boundary=True)
    x = network.input((1, 4))
    network.inputs.append(network.inputs[0].__class__.FromString(network.inputs[0].SerializeToString()))
    network.inputs[1].name = "unused"
    assert load_built(network, network.dense(x, 3)).inputs == (network.inputs[0].name, "unused")
