"""Conv against onnxruntime."""

import numpy as np
import onnx
import pytest
from differential import assert_agrees, kinds, load_built, load_model
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Conv2d


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_form_of_convolution_agrees(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        dtype=draw(st.sampled_from(["int8", "uint8"])),
        float_boundary=draw(st.booleans()),
    )
    groups = draw(st.integers(1, 4))
    channels = groups * draw(st.integers(1, 3))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    attributes: dict[str, object] = {"strides": (draw(st.integers(1, 3)), draw(st.integers(1, 3)))}
    if draw(st.booleans()):
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    else:
        attributes["pads"] = tuple(draw(st.integers(0, 3)) for _ in range(4))
        attributes["dilations"] = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    x = network.input((1, channels, draw(st.integers(7, 11)), draw(st.integers(7, 11))))
    y = network.conv(
        x,
        groups * draw(st.integers(1, 3)),
        kernel,
        groups=groups,
        per_channel=draw(st.booleans()),
        bias=draw(st.sampled_from(["int32", "float32", None])),
        relu=draw(st.booleans()),
        clip=draw(st.sampled_from([None, (0.0, 0.7), (-0.4, 0.9)])),
        **attributes,
    )
    assert kinds(assert_agrees(network, y)) == ["Conv2d"]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), stride=st.integers(1, 2), pads=st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_a_chain_of_one_dimensional_convolutions_agrees(seed: int, stride: int, pads: tuple[int, int]) -> None:
    network = QdqNetwork(np.random.default_rng(seed))
    x = network.conv(network.input((1, 4, 30)), 6, (5,), strides=(stride,), pads=pads, relu=True)
    graph = assert_agrees(network, network.conv(x, 3, (3,), dilations=(2,)))
    assert kinds(graph) == ["Reshape", "Conv2d", "Conv2d", "Reshape"]


def test_a_feature_map_is_stored_channels_last() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    graph = load_built(network, network.conv(network.input((1, 3, 8, 6)), 5, (3, 3)))
    assert graph.tensor(graph.inputs[0]).shape == (1, 8, 6, 3)
    assert graph.tensor(graph.outputs[0]).shape == (1, 6, 4, 5)
    (conv,) = graph.operators
    assert isinstance(conv, Conv2d)
    assert conv.weights.shape == (5, 3, 3, 3)
    assert conv.weights.flags.c_contiguous


def test_weights_that_do_not_suit_the_groups_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    model = network.build(network.conv(network.input((1, 4, 8, 8)), 4, (3, 3), groups=2))
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    next(attribute for attribute in conv.attribute if attribute.name == "group").i = 3
    with pytest.raises(ModelError, match=r"3 groups, 4 input channels and weights of shape \[4, 2, 3, 3\]"):
        load_model(model)


def test_a_convolution_that_is_not_quantised_after_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    model = network.build(network.conv(network.input((1, 4, 8, 8)), 4, (3, 3)))
    quantize = model.graph.node.pop()
    model.graph.output[0].name = quantize.input[0]
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with pytest.raises(UnsupportedQuantizationError, match="is never quantised"):
        load_model(model)


def test_float_weights_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4, 8, 8))
    weights = network.constant(np.ones((4, 4, 3, 3), np.float32))
    y = network.quantize(network.node("Conv", [network.dequantize(x), weights]), (1, 4, 6, 6), 1.0, 0)
    with pytest.raises(UnsupportedQuantizationError, match="its weights are float"):
        load_built(network, y)
