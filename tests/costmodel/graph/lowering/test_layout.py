"""Permutations between ONNX axes and stored axes, against numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph import Quantization, Tensor
from sparse_mcu.costmodel.graph.lowering.layout import (
    Value,
    channels_last,
    identity,
    inverse,
    moving_axes,
    permuted,
    relabelled,
)


def test_channels_go_last_where_there_are_spatial_axes() -> None:
    assert channels_last(4) == (0, 2, 3, 1)
    assert channels_last(3) == (0, 2, 1)
    assert channels_last(2) == (0, 1)


@given(st.permutations(range(5)))
def test_the_inverse_undoes(order: list[int]) -> None:
    permutation = tuple(order)
    assert permuted(permuted((2, 3, 5, 7, 11), permutation), inverse(permutation)) == (2, 3, 5, 7, 11)


@given(
    shape=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    first=st.permutations(range(4)),
    second=st.permutations(range(4)),
)
def test_layouts_with_the_same_moving_axes_hold_the_same_bytes(
    shape: list[int], first: list[int], second: list[int]
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    same_bytes = np.array_equal(array.transpose(first).reshape(-1), array.transpose(second).reshape(-1))
    if moving_axes(shape, first) == moving_axes(shape, second):
        assert same_bytes
    else:
        assert not same_bytes or max(shape) == 1 or array.size <= 2


@given(
    shape=st.lists(st.integers(1, 3), min_size=3, max_size=4),
    order=st.randoms(use_true_random=False),
    ones=st.integers(0, 2),
)
def test_a_relabelled_value_keeps_its_bytes(shape: list[int], order: object, ones: int) -> None:
    permutation = list(range(len(shape)))
    order.shuffle(permutation)
    stored = tuple(shape[axis] for axis in permutation)
    value = Value(Tensor("t", stored, Quantization(1.0, 0)), tuple(permutation), "int8")
    target = [size for size in shape if size != 1]
    for _ in range(ones):
        target.insert(order.randrange(len(target) + 1), 1)
    found = relabelled(value, target)
    assert found is not None
    array = np.arange(np.prod(shape)).reshape(shape)
    assert np.array_equal(array.transpose(permutation).reshape(-1), array.reshape(target).transpose(found).reshape(-1))


def test_a_shape_that_merges_axes_cannot_be_relabelled() -> None:
    value = Value(Tensor("t", (1, 4, 5, 3), Quantization(1.0, 0)), (0, 2, 3, 1), "int8")
    assert value.shape == (1, 3, 4, 5)
    assert relabelled(value, (1, 60)) is None
    assert relabelled(value, (3, 4, 5)) == channels_last(3) or relabelled(value, (3, 4, 5)) == (1, 2, 0)
    assert relabelled(value, (1, 3, 4, 5)) == channels_last(4)
    assert identity(2) == (0, 1)
