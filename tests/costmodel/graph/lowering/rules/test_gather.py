"""Gather against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Gather


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_gather_along_any_axis_agrees(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))), dtype=draw(st.sampled_from(["int8", "uint8"]))
    )
    x = network.input((1, 4, 5, 6))
    axis = draw(st.integers(1, 3))
    extent = x.shape[axis]
    indices = draw(st.lists(st.integers(-extent, extent - 1), min_size=1, max_size=8))
    dtype = draw(st.sampled_from([np.int32, np.int64]))
    y = network.gather(x, np.array(indices, dtype), axis, direct=draw(st.booleans()))
    y = network.conv(y, 3, (2, 1)) if y.shape[2] > 1 and draw(st.booleans()) else y
    assert kinds(assert_agrees(network, y))[0] == "Gather"


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), direct=st.booleans())
def test_a_pruned_classifier_moves_only_what_it_keeps(seed: int, direct: bool) -> None:
    network = QdqNetwork(np.random.default_rng(seed))
    x = network.flatten(network.conv(network.input((1, 2, 6, 6)), 5, (3, 3)), direct=direct)
    kept = np.random.default_rng(seed).permutation(80)[:11]
    graph = assert_agrees(network, network.dense(network.gather(x, kept, 1, direct=direct), 4))
    assert kinds(graph) == ["Conv2d", "Reshape", "Gather", "Dense"]
    (gather,) = (operator for operator in graph.operators if isinstance(operator, Gather))
    assert gather.indices.tolist() == sorted(gather.indices.tolist())


@pytest.mark.parametrize(
    ("indices", "axis", "error", "message"),
    [
        ([6], 3, ModelError, "outside of an axis of 6"),
        ([-7], 3, ModelError, "outside of an axis of 6"),
        ([0], 4, ModelError, "axis 4 of rank 4"),
        ([[0, 1]], 3, UnsupportedOperatorError, r"indices of shape \[1, 2\]"),
        (np.zeros(1, np.float32), 3, ModelError, "indices of type float32"),
    ],
)
def test_other_gathers_are_refused(indices: object, axis: int, error: type[ModelError], message: str) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = network.gather(network.input((1, 4, 5, 6)), indices, axis, direct=True)
    with pytest.raises(error, match=message):
        load_built(network, y)
