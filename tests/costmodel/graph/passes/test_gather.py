"""Gathers of flattened feature maps: the same bytes, with nothing moved before them."""

from dataclasses import replace

import numpy as np
import pytest
from differential import kinds
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_mcu.costmodel.graph import (
    Clamp,
    Dense,
    Gather,
    Graph,
    Operator,
    Quantization,
    Reshape,
    Tensor,
    Transpose,
    rescale_for,
)
from sparse_mcu.costmodel.graph.passes import fold_views_into_gather, remove_dead, run_passes, sort_gathers
from sparse_mcu.simulation.reference import run_reference

UNITS = Quantization(0.1, 2)


def chain(*, indices: list[int], seed: int, readers: int = 1) -> Graph:
    """Transpose -> Reshape -> Gather -> Dense of a map of 24 elements; with two readers, one is the caller."""
    weights = np.random.default_rng(seed).integers(-127, 128, (3, len(indices))).astype(np.int8)
    shapes = {"x": (1, 2, 3, 4), "moved": (1, 4, 2, 3), "flat": (1, 24), "kept": (1, len(indices)), "y": (1, 3)}
    operators: tuple[Operator, ...] = (
        Transpose(name="t", inputs=("x",), output="moved", permutation=(0, 3, 1, 2)),
        Reshape(name="r", inputs=("moved",), output="flat"),
        Gather(name="g", inputs=("flat",), output="kept", axis=1, indices=np.array(indices)),
        Dense(
            name="d",
            inputs=("kept",),
            output="y",
            weights=weights,
            bias=np.zeros(3, np.int32),
            rescale=rescale_for(1e-3, 2**24, where="test"),
            clamp=Clamp(),
        ),
    )
    tensors = {name: Tensor(name, shape, UNITS) for name, shape in shapes.items()}
    return Graph("test", "", tensors, operators, ("x",), ("y", "kept")[:readers])


def gather_of(graph: Graph) -> Gather:
    """The one Gather."""
    (gather,) = (operator for operator in graph.operators if isinstance(operator, Gather))
    return gather


@settings(max_examples=40, deadline=None)
@given(
    indices=st.lists(st.integers(0, 23), min_size=1, max_size=30), seed=st.integers(0, 99), readers=st.integers(1, 2)
)
@pytest.mark.parametrize("improve", [fold_views_into_gather, sort_gathers, run_passes])
def test_a_pass_changes_no_output(improve: object, indices: list[int], seed: int, readers: int) -> None:
    assert callable(improve)
    graph = chain(indices=indices, seed=seed, readers=readers)
    x = {"x": np.random.default_rng(seed).integers(-128, 128, (1, 2, 3, 4)).astype(np.int8)}
    before, after = run_reference(graph, x), run_reference(improve(graph), x)
    for name in graph.outputs:
        np.testing.assert_array_equal(before[name], after[name])


def test_nothing_is_transposed_before_a_gather() -> None:
    graph = remove_dead(fold_views_into_gather(chain(indices=[0, 1, 6], seed=0)))
    assert kinds(graph) == ["Reshape", "Gather", "Dense"]
    assert gather_of(graph).indices.tolist() == [0, 4, 1]


def test_indices_ascend_where_a_dense_layer_alone_reads_them() -> None:
    assert gather_of(sort_gathers(chain(indices=[5, 23, 5, 0], seed=0))).indices.tolist() == [0, 5, 5, 23]
    assert gather_of(sort_gathers(chain(indices=[5, 23, 5, 0], seed=0, readers=2))).indices.tolist() == [5, 23, 5, 0]


def test_a_gather_of_a_feature_map_stays_as_it_is() -> None:
    graph = chain(indices=[1, 0], seed=0)
    tensors = {**graph.tensors, "flat": Tensor("flat", (1, 4, 6), UNITS), "kept": Tensor("kept", (1, 4, 2), UNITS)}
    gather = replace(gather_of(graph), axis=2)
    graph = replace(graph, tensors=tensors, operators=(*graph.operators[:2], gather), outputs=("kept",))
    assert kinds(fold_views_into_gather(graph)) == ["Transpose", "Reshape", "Gather"]
