"""Fully connected layers by two channels in a word, in the plain form of their blocks."""

import pytest
from firmware_builds import BATCHES, assert_matches_reference
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import LayerCase, dense_layers, graph_of

from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.simulation.firmware.choice.selection import select_kernels

BOARDS = st.sampled_from(["microbit", "nucleo-l4r5zi"])
LAYERS = dense_layers(fast=True) | dense_layers()


@BATCHES
@given(cases=st.lists(LAYERS, min_size=8, max_size=12), board=BOARDS, seed=st.integers(0, 99))
def test_it_computes_what_the_reference_does(cases: list[LayerCase], board: str, seed: int) -> None:
    assert_matches_reference(cases, board, seed, "dense_biplex")


@pytest.mark.parametrize(("board", "fewest"), [("nucleo-l4r5zi", 2), ("microbit", 4), ("bluepill", 1000)])
@given(case=LAYERS)
def test_it_takes_layers_whose_weights_fit_its_words(board: str, fewest: int, case: LayerCase) -> None:
    chosen = select_kernels(graph_of([case]), load_board(board).core, kernels={"node/0": "dense_biplex"})["node/0"]
    outputs, features = case.operator.weights.shape
    unaligned = board == "microbit" and case.inputs[0].size_bytes > features and features % 4
    if outputs < fewest or outputs == 3 or features < 4 or unaligned:
        assert chosen.kernel != "dense_biplex"
    elif case.operator.weights.min() > -128:
        assert chosen.kernel == "dense_biplex"
        assert chosen.scratch_bytes == 0
