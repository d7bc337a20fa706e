"""What loading decides on its own can be read in the log, at level DEBUG."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
from differential import load_built
from qdq import QdqNetwork, Quantized

from sparse_mcu.costmodel.graph import Quantization
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.lowering.constants import Constant
from sparse_mcu.costmodel.graph.lowering.weights import accumulator_layer
from sparse_mcu.costmodel.graph.node import Node


def flattened(network: QdqNetwork, x: Quantized) -> Quantized:
    """The map in ONNX's order, which is not the stored one."""
    return network.reshape(network.conv(x, 3, (2, 2)), (1, 3, 9))


def rescaled(network: QdqNetwork, x: Quantized) -> Quantized:
    """The input in another scale."""
    return network.requantize(x, 0.5, 0)


def padded_with_another_value(network: QdqNetwork, x: Quantized) -> Quantized:
    """A border that the convolution cannot make itself."""
    return network.conv(network.pad(x, (0, 0, 1, 1, 0, 0, 1, 1), code=x.zero_point + 1), 3, (2, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (flattened, "a Transpose moves"),
        (rescaled, "a Requantize takes"),
        (padded_with_another_value, "keeps the Pad2d"),
    ],
)
def test_choices_are_logged(
    make: Callable[[QdqNetwork, Quantized], Quantized], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu.costmodel.graph"):
        load_built(network, make(network, network.input((1, 2, 4, 4))))
    assert any(message in line for line in caplog.messages)


@pytest.mark.parametrize(("bias", "lines"), [(1.0, 0), (1e6, 1)])
def test_coarser_weights_are_logged(bias: float, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    node = Node("Gemm", "dense", (), ("y",), Attributes([], ""), "file: node 'dense'")
    weights = Constant(np.full((1, 4), 100, np.int8), np.array(0.01), np.array(0))
    with caplog.at_level(logging.DEBUG, logger="sparse_mcu.costmodel.graph"):
        accumulator_layer(node, weights, np.array([bias]), Quantization(0.02, 5), Quantization(0.1, -3))
    assert len([line for line in caplog.messages if "1 channels get coarser weights" in line]) == lines
