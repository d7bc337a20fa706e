"""Pools against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_max_pools_agree(data: st.DataObject) -> None:
    draw = data.draw
    float_boundary = draw(st.booleans())
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        dtype=draw(st.sampled_from(["int8", "uint8"])),
        float_boundary=float_boundary,
    )
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pads = tuple(draw(st.integers(0, kernel[index % 2] - 1)) for index in range(4))
    x = network.input((1, draw(st.integers(1, 5)), draw(st.integers(5, 10)), draw(st.integers(5, 10))))
    y = network.max_pool(
        x,
        kernel,
        direct=draw(st.booleans()),
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=pads,
        ceil_mode=draw(st.integers(0, 1)),
    )
    assert kinds(assert_agrees(network, y)) == ["MaxPool2d"]


def test_a_max_pool_into_another_scale_is_requantised() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4, 8, 8))
    pooled = network.node("MaxPool", [network.dequantize(x)], kernel_shape=(2, 2), strides=(2, 2))
    graph = assert_agrees(network, network.quantize(pooled, (1, 4, 4, 4), x.scale * 0.7, 5))
    assert kinds(graph) == ["MaxPool2d", "Requantize"]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_average_pools_agree(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))), dtype=draw(st.sampled_from(["int8", "uint8"]))
    )
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    pads = tuple(draw(st.integers(0, kernel[index % 2] - 1)) for index in range(4))
    x = network.input((1, draw(st.integers(1, 5)), draw(st.integers(5, 10)), draw(st.integers(5, 10))))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    y = network.average_pool(x, kernel, strides=strides, pads=pads, count_include_pad=1)
    assert kinds(assert_agrees(network, y)) == ["AveragePool2d"]


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(1, 5, 6, 7), (1, 5, 9)])
def test_global_pools_agree(kind: str, shape: tuple[int, ...]) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input(shape)
    y = network.global_average_pool(x) if kind == "GlobalAveragePool" else None
    if y is None:
        pooled = network.node("GlobalMaxPool", [network.dequantize(x)])
        y = network.quantize(pooled, (1, 5, *[1] * (len(shape) - 2)), x.scale, x.zero_point)
    expected = "AveragePool2d" if kind == "GlobalAveragePool" else "MaxPool2d"
    assert expected in kinds(assert_agrees(network, y))


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [(2, 3), (-1, -2), (1, 2)])
def test_means_over_two_axes_agree(opset: int, keepdims: int, axes: tuple[int, int]) -> None:
    network = QdqNetwork(np.random.default_rng(0), opset=opset)
    x = network.input((1, 5, 6, 7))
    inputs = [network.dequantize(x)]
    attributes: dict[str, object] = {"keepdims": keepdims}
    if opset < 18:
        attributes["axes"] = axes
    else:
        inputs.append(network.constant(np.array(axes, np.int64)))
    kept = ({1, 2, 3} - {axis % 4 for axis in axes}).pop()
    shape = tuple(x.shape[axis] if axis in (0, kept) else 1 for axis in range(4)) if keepdims else (1, x.shape[kept])
    y = network.quantize(network.node("ReduceMean", inputs, **attributes), shape, x.scale * 0.41, 3)
    assert "AveragePool2d" in kinds(assert_agrees(network, y))


def test_an_average_that_leaves_out_padding_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = network.average_pool(network.input((1, 3, 8, 8)), (3, 3), pads=(1, 1, 1, 1))
    with pytest.raises(UnsupportedOperatorError, match="leaves out padding"):
        load_built(network, y)


def test_a_mean_over_channels_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 8, 8))
    mean = network.node("ReduceMean", [network.dequantize(x)], axes=(1,), keepdims=1)
    with pytest.raises(UnsupportedOperatorError, match=r"mean over axes \[1\]"):
        load_built(network, network.quantize(mean, (1, 1, 8, 8), 0.1, 0))


def test_a_pool_of_three_dimensions_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 4, 4, 4))
    y = network.max_pool(x, (2, 2, 2), direct=True)
    with pytest.raises(ModelError, match=r"not \(1, C, H, W\)"):
        load_built(network, network.requantize(y, 0.1, 0))
