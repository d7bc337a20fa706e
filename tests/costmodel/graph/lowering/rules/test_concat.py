"""Concat against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedQuantizationError
from sparse_mcu.costmodel.graph import Concat


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["int8", "uint8"]),
    axis=st.integers(1, 3),
    count=st.integers(1, 4),
)
def test_branches_of_other_scales_are_requantised(seed: int, dtype: str, axis: int, count: int) -> None:
    network = QdqNetwork(np.random.default_rng(seed), dtype=dtype)
    x = network.input((1, 3, 6, 5))
    branches = [network.conv(x, 4, (1, 1)) for _ in range(count)]
    graph = assert_agrees(network, network.concat(branches, axis))
    assert kinds(graph).count("Requantize") == count - 1
    (concat,) = (operator for operator in graph.operators if isinstance(operator, Concat))
    assert concat.axis == {1: 3, 2: 1, 3: 2}[axis]


@pytest.mark.parametrize("direct", [False, True])
def test_branches_of_one_scale_are_only_moved(direct: bool) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 3, 6, 5))
    pooled = network.max_pool(x, (3, 3), strides=(1, 1), pads=(1, 1, 1, 1))
    assert kinds(assert_agrees(network, network.concat([x, pooled, x], 1, direct=direct))) == ["MaxPool2d", "Concat"]


def test_branches_in_different_layouts_meet_in_the_first() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    image = network.conv(network.input((1, 3, 6, 5)), 4, (1, 1))
    other = network.reshape(network.input((1, 120), scale=image.scale, zero_point=image.zero_point), (1, 4, 6, 5))
    graph = assert_agrees(network, network.concat([image, other], 1))
    assert kinds(graph) == ["Conv2d", "Reshape", "Transpose", "Concat"]


def test_codes_of_different_scales_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    left, right = (network.requantize(network.input((1, 4)), scale, 0) for scale in (0.1, 0.2))
    with pytest.raises(UnsupportedQuantizationError, match="int8 inputs have different scales"):
        load_built(network, network.concat([left, right], 1, direct=True))


def test_shapes_that_do_not_fit_are_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    left, right = network.input((1, 4, 6, 5)), network.input((1, 4, 7, 5), scale=0.02, zero_point=0)
    with pytest.raises(ModelError, match="do not go together along axis 1"):
        load_built(network, network.concat([left, right], 1))
