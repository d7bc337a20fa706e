"""Reshape, Flatten, Squeeze and Unsqueeze against onnxruntime."""

import numpy as np
import onnx
import pytest
from differential import assert_agrees, kinds, load_built, load_model
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_map_of_one_channel_gets_its_channel_for_nothing(direct: bool, dtype: str) -> None:
    network = QdqNetwork(np.random.default_rng(0), dtype=dtype)
    x = network.reshape(network.input((1, 49, 10, 1)), (1, 1, 49, 10), direct=direct)
    graph = assert_agrees(network, network.conv(x, 8, (10, 4), strides=(2, 2)))
    assert kinds(graph) == ["Conv2d"]


def test_channels_that_must_move_do() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 6)), 4, (3, 3))
    assert kinds(assert_agrees(network, network.reshape(x, (1, 8, 8)))) == ["Conv2d", "Transpose", "Reshape"]


def test_there_and_back_moves_nothing() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 6)), 4, (3, 3))
    x = network.reshape(network.flatten(x), (1, 4, 4, 4))
    assert kinds(assert_agrees(network, network.conv(x, 2, (2, 2)))) == ["Conv2d", "Conv2d"]


def test_an_axis_of_one_comes_and_goes_for_nothing() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 20)), 4, (3,))
    axes = network.constant(np.array([2], np.int64))
    x = network.structural("Unsqueeze", [x], (1, 4, 1, 18), extra=[axes])
    x = network.conv(x, 5, (1, 3))
    x = network.structural("Squeeze", [x], (1, 5, 16), extra=[axes])
    assert kinds(assert_agrees(network, network.conv(x, 2, (2,)))) == [
        "Reshape",
        "Conv2d",
        "Conv2d",
        "Conv2d",
        "Reshape",
    ]


@pytest.mark.parametrize(
    ("stated", "shape"),
    [
        ((0, -1), (1, 100)),
        ((1, 0, -1), (1, 4, 25)),
        ((-1, 20), (5, 20)),
        ((2, 50, 1), (2, 50, 1)),
        ((1, 2, 5, 2, 5), (1, 2, 5, 2, 5)),
        ((0, 0, 0, 0), (1, 4, 5, 5)),
    ],
)
def test_reshapes_copy_and_infer_dimensions(stated: tuple[int, ...], shape: tuple[int, ...]) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 7)), 4, (2, 3))
    target = network.constant(np.array(stated, np.int64))
    graph = assert_agrees(network, network.structural("Reshape", [x], shape, extra=[target]))
    assert graph.ports[graph.outputs[0]].shape == shape


@pytest.mark.parametrize(
    ("axis", "shape"), [(0, (1, 100)), (1, (1, 100)), (2, (4, 25)), (-1, (20, 5)), (-3, (1, 100)), (4, (100, 1))]
)
def test_flattening_splits_at_any_axis(axis: int, shape: tuple[int, ...]) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 7)), 4, (2, 3))
    graph = assert_agrees(network, network.structural("Flatten", [x], shape, axis=axis))
    assert graph.ports[graph.outputs[0]].shape == shape


def test_a_shape_of_another_size_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    with pytest.raises(ModelError, match=r"shape \[1, 12\] cannot become \[1, 5, 2\]"):
        load_built(network, network.reshape(network.input((1, 12)), (1, 5, 2)))


def test_squeezing_an_axis_of_many_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    axes = network.constant(np.array([1], np.int64))
    with pytest.raises(ModelError, match="not all 1"):
        load_built(network, network.structural("Squeeze", [network.input((1, 12))], (12,), extra=[axes]))


def test_the_shape_may_be_computed_from_a_shape() -> None:
    """What PyTorch exports for x.view(x.size(0), -1)."""
    network = QdqNetwork(np.random.default_rng(0))
    x = network.conv(network.input((1, 3, 6, 6)), 4, (3, 3))
    real = network.dequantize(x)
    zero, axes, rest = (network.constant(np.array(entry, np.int64)) for entry in (0, [0], [-1]))
    size = network.node("Gather", [network.node("Shape", [real]), zero], axis=0)
    target = network.node("Concat", [network.node("Unsqueeze", [size, axes]), rest], axis=0)
    flat = network.quantize(network.node("Reshape", [real, target]), (1, 64), x.scale, x.zero_point)
    assert kinds(assert_agrees(network, network.dense(flat, 5))) == ["Conv2d", "Reshape", "Dense"]


def test_a_shape_that_is_an_activation_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 12))
    model = network.build(network.structural("Reshape", [x], (1, 12), extra=[x.name]))
    with pytest.raises(ModelError, match="input 1 must be a constant"):
        load_model(onnx.ModelProto.FromString(model.SerializeToString()))
