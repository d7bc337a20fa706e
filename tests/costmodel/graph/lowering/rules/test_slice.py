"""Slice against onnxruntime."""

import numpy as np
import pytest
from differential import assert_agrees, kinds, load_built
from hypothesis import given, settings
from hypothesis import strategies as st
from qdq import QdqNetwork

from sparse_mcu.costmodel.errors import ModelError, UnsupportedOperatorError
from sparse_mcu.costmodel.graph import Slice

Ints = list[int]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_crops_and_strides_agree(data: st.DataObject) -> None:
    draw = data.draw
    network = QdqNetwork(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))), dtype=draw(st.sampled_from(["int8", "uint8"]))
    )
    x = network.input((1, 4, 7, 9))
    axes = draw(st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=1, max_size=3, unique_by=lambda axis: axis % 4))
    starts, ends, steps = [], [], []
    for axis in axes:
        extent = x.shape[axis]
        start = draw(st.integers(0, extent - 1))
        end = draw(st.integers(start + 1, extent) | st.sampled_from([2**31 - 1, 2**63 - 1]))
        starts.append(draw(st.sampled_from([start, start - extent])))
        ends.append(end)
        steps.append(draw(st.integers(1, 4)))
    part = network.slice(x, starts, ends, axes, steps, direct=draw(st.booleans()))
    graph = assert_agrees(network, network.conv(part, 3, (1, 1)) if draw(st.booleans()) else part)
    assert ("Slice" in kinds(graph)) == (part.shape != x.shape)


def test_an_input_is_downsampled_as_it_is_stored() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.slice(network.input((1, 3, 8, 8)), [1, 0], [8, 8], [2, 3], [2, 4])
    graph = assert_agrees(network, network.conv(x, 4, (2, 2)))
    assert kinds(graph) == ["Slice", "Conv2d"]
    (slice_,) = (operator for operator in graph.operators if isinstance(operator, Slice))
    assert (slice_.starts, slice_.steps) == ((0, 1, 0, 0), (1, 2, 4, 1))


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (([5], [0], [2], [-1]), UnsupportedOperatorError, r"steps \[-1\]"),
        (([3], [3], [2], [1]), ModelError, "nothing is left"),
        (([0], [3], [4], [1]), ModelError, r"axes \[4\] of rank 4"),
        (([0, 0], [3, 3], [2, 2], [1, 1]), ModelError, r"axes \[2, 2\] of rank 4"),
        (([0], [3, 3], [2], [1]), ModelError, r"ends \[3, 3\]"),
    ],
)
def test_other_slices_are_refused(
    numbers: tuple[Ints, Ints, Ints, Ints], error: type[ModelError], message: str
) -> None:
    network = QdqNetwork(np.random.default_rng(0))
    x = network.input((1, 4, 7, 9))
    extra = [network.constant(np.array(entry, np.int64)) for entry in numbers]
    y = network.structural("Slice", [x], (1, 1, 1, 1), extra=extra, direct=True)
    with pytest.raises(error, match=message):
        load_built(network, y)


def test_a_slice_without_limits_is_refused() -> None:
    network = QdqNetwork(np.random.default_rng(0))
    y = network.structural("Slice", [network.input((1, 4, 7, 9))], (1, 4, 7, 9), direct=True)
    with pytest.raises(ModelError, match="starts or ends are missing"):
        load_built(network, y)
