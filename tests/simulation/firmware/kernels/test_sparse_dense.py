"""Fully connected layers of which most weights are zero."""

import numpy as np
from firmware_builds import BATCHES, BOARDS, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, dense_layers, graph_of, pruned

from sparse_mcu.costmodel.devices import load_core
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

LAYERS = pruned(dense_layers(most_features=900))


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), board=BOARDS, seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed)


@given(LAYERS)
def test_it_is_chosen_only_where_it_stores_less(case: LayerCase) -> None:
    chosen = select_kernels(graph_of([case]), load_core("cortex-m0"))["node/0"]
    stored = sum(constant.size_bytes for constant in chosen.constants if constant.kind == "weights")
    if chosen.kernel == "sparse_dense":
        assert np.count_nonzero(case.operator.weights) < stored < case.operator.weights.size
    else:
        assert stored >= case.operator.weights.size
