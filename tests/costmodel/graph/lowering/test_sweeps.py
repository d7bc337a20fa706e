"""What readers ask of a tensor."""

import numpy as np
import pytest
from differential import load_built
from onnx import helper
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Quantization
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.lowering.sweeps import Demands, Preferences
from sparse_mcu.costmodel.graph.node import Node

CONSTANTS = {
    "small": Constant(np.array(0.5, np.float32)),
    "large": Constant(np.array(2.0, np.float32)),
    "zero": Constant(np.array(3, np.int8)),
    "zero_u8": Constant(np.array(131, np.uint8)),
}


def node(kind: str, inputs: str, output: str, **integers: list[int]) -> Node:
    """A node; inputs are separated by spaces."""
    attributes = [helper.make_attribute(name, value) for name, value in integers.items()]
    return Node(kind, output, tuple(inputs.split()), (output,), Attributes(attributes, output), output)


def demands_of(*nodes: Node) -> Demands:
    """The demands of a few nodes."""
    return Demands(nodes, CONSTANTS, frozenset({"Relu", "MaxPool"}))


def test_a_scale_is_known_through_operators_that_keep_it() -> None:
    demands = demands_of(
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c"),
        node("QuantizeLinear", "c small zero", "d"),
        node("Add", "d d", "e"),
    )
    for name in "abc":
        assert demands.of(name, where="here") == Quantization(0.5, 3)
    with pytest.raises(UnsupportedQuantizationError, match="'d' is never quantised"):
        demands.of("d", where="here")


def test_uint8_is_shifted() -> None:
    assert demands_of(node("DequantizeLinear", "a small zero_u8", "b")).unique("a") == Quantization(0.5, 3)


def test_two_scales_are_no_scale() -> None:
    demands = demands_of(
        node("Relu", "a", "b"), node("QuantizeLinear", "b small zero", "c"), node("QuantizeLinear", "a large zero", "d")
    )
    assert demands.is_stated("a")
    assert demands.unique("a") is None
    assert demands.unique("b") == Quantization(0.5, 3)
    with pytest.raises(UnsupportedQuantizationError, match=r"quantised with scale 2 .* and with scale 0\.5"):
        demands.of("a", where="here")


def test_a_layout_is_liked_through_transposes() -> None:
    preferences = Preferences(
        [
            node("Transpose", "nhwc", "x", perm=[0, 3, 1, 2]),
            node("Relu", "x", "y"),
            node("Conv", "y w", "z"),
        ],
        frozenset({"Conv"}),
        frozenset({"Relu"}),
    )
    assert preferences.of("y", 4, where="here") == preferences.of("x", 4, where="here") == (0, 2, 3, 1)
    assert preferences.of("nhwc", 4, where="here") == (0, 1, 2, 3)
    assert preferences.of("elsewhere", 3, where="here") == (0, 1, 2)


def test_an_input_of_another_rank_than_its_transpose_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.transpose(network.input((1, 8, 8, 3)), (0, 3, 1, 2), direct=True)
    y = network.conv(x, 2, (1, 1))
    del network.inputs[0].type.tensor_type.shape.dim[3]
    with pytest.raises(ModelError, match="a Transpose of rank 4 reads it"):
        load_built(network, y)
