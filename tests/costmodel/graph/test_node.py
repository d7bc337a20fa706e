"""Axes of a node count from the start, and its errors name it."""

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_mcu.costmodel.errors import ModelError
from sparse_mcu.costmodel.graph.attributes import Attributes
from sparse_mcu.costmodel.graph.node import Node


def node(**attributes: int) -> Node:
    """A node with these attributes."""
    stated = [onnx.helper.make_attribute(name, value) for name, value in attributes.items()]
    return Node("Any", "any", ("x", ""), ("y",), Attributes(stated, "file: node 'any'"), "file: node 'any'")


@given(rank=st.integers(1, 6), axis=st.integers(-8, 8))
def test_an_axis_counts_as_python_indices_do(rank: int, axis: int) -> None:
    if -rank <= axis < rank:
        assert node(axis=axis).axis(rank, default=0) == range(rank)[axis]
    else:
        with pytest.raises(ModelError, match=rf"axis {axis} of rank {rank}"):
            node(axis=axis).axis(rank, default=0)


def test_the_end_is_an_axis_only_where_it_is_allowed() -> None:
    assert node(axis=3).axis(3, default=0, end_allowed=True) == 3
    with pytest.raises(ModelError, match="axis 3 of rank 3"):
        node(axis=3).axis(3, default=0)


def test_an_axis_that_is_left_out_is_the_default() -> None:
    assert node().axis(4, default=-1) == 3


@given(data=st.data(), rank=st.integers(1, 6))
def test_axes_keep_their_order(data: st.DataObject, rank: int) -> None:
    axes = data.draw(st.lists(st.integers(0, rank - 1), unique=True))
    listed = [axis - rank * data.draw(st.booleans()) for axis in axes]
    assert node().axes(listed, rank) == tuple(axes)


@pytest.mark.parametrize("listed", [[0, 0], [0, -3], [3], [-4]])
def test_axes_that_no_tensor_has_are_refused(listed: list[int]) -> None:
    with pytest.raises(ModelError, match=r"axes \[.*\] of rank 3"):
        node().axes(listed, 3)


@pytest.mark.parametrize(("fix", "said"), [("", "Export the model again."), ("Shrink it.", "Shrink it.")])
def test_a_malformed_node_is_named_with_what_to_do(fix: str, said: str) -> None:
    assert str(node().malformed("odd", fix=fix)) == f"file: node 'any': odd. {said}"


def test_an_input_may_be_left_out() -> None:
    assert [node().has_input(index) for index in range(3)] == [True, False, False]
