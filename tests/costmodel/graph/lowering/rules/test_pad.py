"""Pad against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built, load_model
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import UnsupportedOperatorError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Pad2d


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    code=st.one_of(st.none(), st.integers(-128, 127)),
    direct=st.booleans(),
)
def test_padding_of_feature_maps_agrees(
    seed: int, dtype: str, pads: tuple[int, ...], code: int | None, direct: bool
) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    shift = 128 if dtype == "uint8" else 0
    x = network.pad(
        network.input((1, 3, 6, 5)),
        (0, 0, *pads[:2], 0, 0, *pads[2:]),
        code=None if code is None else code + shift,
        direct=direct,
    )
    graph = assert_agrees(network, network.conv(x, 4, (3, 3)))
    folded = code is None or code == graph.tensors[graph.inputs[0]].quantization.zero_point
    assert kinds(graph) == (["Conv2d"] if folded or not any(pads) else ["Pad2d", "Conv2d"])


def test_padding_of_a_signal_agrees() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.pad(network.input((1, 4, 12)), (0, 0, 3, 0, 0, 1), code=77)
    assert "Pad2d" in kinds(assert_agrees(network, network.conv(x, 3, (3,))))


def test_padding_names_axes_in_newer_models() -> None:
    network = QdqNetwork(np.random.default_rng(0), opset=18)
    x = network.conv(network.input((1, 3, 6, 5)), 4, (1, 1))
    pads, axes = (network.constant(np.array(entry, np.int64)) for entry in ([1, 2], [-1]))
    padded = network.node("Pad", [network.dequantize(x), pads, "", axes])
    graph = assert_agrees(network, network.quantize(padded, (1, 4, 6, 8), x.scale, x.zero_point))
    (pad,) = (operator for operator in graph.operators if isinstance(operator, Pad2d))
    assert pad.padding == (0, 1, 0, 2)
    assert pad.value == x.zero_point


def test_a_map_that_nothing_else_reads_is_padded_where_the_model_says() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = network.pad(network.input((1, 3, 6, 5)), (0, 0, 1, 2, 0, 0, 0, 1))
    assert "Pad2d" in kinds(assert_agrees(network, y))


def test_a_value_that_is_no_code_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 6, 5), scale=0.5, zero_point=0)
    with pytest.raises(UnsupportedQuantizationError, match="is no int8 code"):
        load_built(network, network.conv(network.pad(x, (0, 0, 1, 1, 0, 0, 1, 1), code=200), 4, (3, 3)))


def test_reflection_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    model = network.build(network.pad(network.input((1, 3, 6, 5)), (0, 0, 1, 1, 0, 0, 1, 1)))
    pad = next(node for node in model.graph.node if node.op_type == "Pad")
    attribute = pad.attribute.add()
    attribute.name, attribute.type, attribute.s = "mode", attribute.STRING, b"reflect"
    with pytest.raises(UnsupportedOperatorError, match="mode 'reflect'"):
        load_model(model)


def test_padding_of_everything_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = network.pad(network.input((1, 3, 6, 5)), (0, 1, 1, 1, 0, 1, 1, 1))
    with pytest.raises(UnsupportedOperatorError, match="Only two axes"):
        load_built(network, y)
