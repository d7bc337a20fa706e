"""Fully connected layers of which most weights are zero."""

import numpy as np
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_cases import Batch, batches, fitted, layers_for
from layer_cases import LayerCase, dense_layers, graph_of, pruned

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

M0 = load_core("cortex-m0")


@BATCHES
@given(batch=batches("sparse_dense"), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(batch: Batch, seed: int) -> None:
    assert_matches_reference(batch, seed)


@given(layers_for("sparse_dense", M0))
def test_it_stores_less_than_all_weights(case: LayerCase) -> None:
    made = fitted(case, "sparse_dense", M0)
    assert made is not None
    stored = sum(constant.size_bytes for constant in made.constants if constant.kind == "weights")
    assert np.count_nonzero(case.operator.weights) < stored < case.operator.weights.size


@given(dense_layers() | pruned(dense_layers(most_features=4)))
def test_what_it_declines_is_stored_whole(case: LayerCase) -> None:
    assume(fitted(case, "sparse_dense", M0) is None)
    chosen = select_kernels(graph_of([case]), M0)["node/0"]
    stored = sum(constant.size_bytes for constant in chosen.constants if constant.kind == "weights")
    assert stored >= case.operator.weights.size
