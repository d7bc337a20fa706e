"""Fully connected layers on cores with DSP, in the plain form of their blocks."""

from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, dense_layers, graph_of

from costmodel.devices import load_board
from simulation.firmware.kernels import select_kernels

BOARDS = ["nucleo-l4r5zi"]
LAYERS = dense_layers()


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), board=st.sampled_from(BOARDS), seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "dense_biplex")


@given(LAYERS)
def test_it_takes_four_features_or_more_whose_weights_fit_its_words(case: LayerCase) -> None:
    core = load_board(BOARDS[0]).core
    chosen = select_kernels(graph_of([case]), core, kernels={"node/0": "dense_biplex"})["node/0"]
    weights = case.operator.weights
    if min(weights.shape) < 4:
        assert chosen.kernel != "dense_biplex"
    elif weights.min() > -128:
        assert chosen.kernel == "dense_biplex"
        assert chosen.scratch_bytes == 0
